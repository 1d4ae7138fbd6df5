import os,time,threading,sys
d=sys.argv[1]; os.makedirs(d,exist_ok=True)
data=os.urandom(1_250_000)
def run(n,mode,threads=2):
    t=time.time()
    def w(k):
        for i in range(k,n,threads):
            p=f"{d}/{mode}{i}"
            fd=os.open(p+".tmp",os.O_WRONLY|os.O_CREAT|os.O_EXCL)
            os.write(fd,data)
            if mode=='fsync': os.fsync(fd)
            if mode=='fdata': os.fdatasync(fd)
            os.close(fd); os.rename(p+".tmp",p)
    ts=[threading.Thread(target=w,args=(k,)) for k in range(threads)]
    [x.start() for x in ts];[x.join() for x in ts]
    e=time.time()-t
    print(mode,threads,n,"%.3f s  %.0f MB/s"%(e,n*len(data)/1e6/e))
    for i in range(n): os.unlink(f"{d}/{mode}{i}")
for r in range(2):
    run(144,'none');run(144,'fsync');run(144,'fsync',4);run(144,'fsync',8);run(144,'fdata')
t=time.time(); fd=os.open(d,os.O_RDONLY); import ctypes; ctypes.CDLL(None).syncfs(fd); print("syncfs",time.time()-t)
t=time.time()
for i in range(100):
    os.fsync(fd)
print("dir fsync x100",time.time()-t)
t=time.time()
for i in range(50):
    f=os.open(f"{d}/s{i}",os.O_WRONLY|os.O_CREAT); os.write(f,b'x'*500); os.fsync(f); os.close(f)
print("small fsync x50",time.time()-t)
