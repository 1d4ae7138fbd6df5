//! Long frames of a WebSocket as several short ones, below what reads frames: that takes memory
//! for a whole frame when it has read how long it is to be.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stream::Stream;

/// Bytes of the longest frame that comes out. A multiple of four: bytes of a frame are masked
/// with four bytes in turn, so that each part begins with the first of them.
pub(super) const LONGEST: usize = 64 << 10;
/// Bytes of heads that are read at a time.
const CHUNK: usize = 4 << 10;
/// The end of what is said before there are frames.
const END: &[u8] = b"\r\n\r\n";
/// The bit of a frame that is the last of its message.
const LAST: u8 = 0x80;

/// A stream on which WebSocket is spoken. Frames that come and carry a message are given on as
/// messages of their own of at most [`LONGEST`] bytes: what is read from them is a stream of
/// bytes, in which frames have no meaning.
pub(super) struct Cut {
    inner: Box<dyn Stream>,
    /// What came and was not looked at.
    raw: BytesMut,
    /// Heads that are given on.
    head: BytesMut,
    /// Bytes that are given on as they come.
    pass: usize,
    frame: Option<Frame>,
    /// Whether the request or answer before the first frame has passed.
    is_open: bool,
    /// Whether a message is not at its end.
    in_message: bool,
}

/// A frame of which a part is left.
struct Frame {
    /// First byte of each part.
    first: u8,
    mask: Option<[u8; 4]>,
    left: u64,
}

impl Cut {
    pub(super) fn new(inner: Box<dyn Stream>) -> Self {
        Self {
            inner,
            raw: BytesMut::new(),
            head: BytesMut::new(),
            pass: 0,
            frame: None,
            is_open: false,
            in_message: false,
        }
    }

    /// Decides what happens to the bytes that came; false when more are needed for that.
    fn look(&mut self) -> io::Result<bool> {
        if let Some(frame) = &mut self.frame {
            let n_bytes = frame.left.min(LONGEST as u64) as usize;
            write_head(&mut self.head, frame.first, frame.mask, n_bytes);
            self.pass = n_bytes;
            frame.left -= n_bytes as u64;
            self.frame.take_if(|frame| frame.left == 0);
            return Ok(true);
        }
        if !self.is_open {
            // The end may be cut by reads: all but its last byte is kept back.
            let end = self.raw.windows(END.len()).position(|bytes| bytes == END);
            self.is_open = end.is_some();
            let n_kept = self.raw.len().saturating_sub(END.len() - 1);
            self.pass = end.map_or(n_kept, |at| at + END.len());
            return Ok(self.pass > 0);
        }
        let Some((first, mask, n_bytes, n_head)) = read_head(&self.raw) else { return Ok(false) };
        // What is wrong with others is told above.
        let is_data = first & 0x0F == 2 || (first & 0x0F == 0 && self.in_message);
        if !is_data {
            self.pass = n_head.saturating_add(usize::try_from(n_bytes).unwrap_or(usize::MAX));
            return Ok(true);
        }
        if first & 0x0F == 2 && self.in_message {
            return Err(io::Error::other("a message begins before another has ended"));
        }
        self.in_message = first & LAST == 0;
        self.raw.advance(n_head);
        self.frame = Some(Frame { first: (first & 0xF0) | LAST | 2, mask, left: n_bytes });
        Ok(true)
    }
}

/// What stands before the bytes of a frame: its first byte, how they are masked, how many there
/// are and how many bytes say so. None when it is not whole yet.
fn read_head(raw: &[u8]) -> Option<(u8, Option<[u8; 4]>, u64, usize)> {
    let [first, second, rest @ ..] = raw else { return None };
    let (n_bytes, rest) = match second & 0x7F {
        126 => {
            rest.split_first_chunk().map(|(n, rest)| (u64::from(u16::from_be_bytes(*n)), rest))?
        }
        127 => rest.split_first_chunk().map(|(n, rest)| (u64::from_be_bytes(*n), rest))?,
        short => (u64::from(short), rest),
    };
    let (mask, rest) = match second & 0x80 {
        0 => (None, rest),
        _ => rest.split_first_chunk().map(|(mask, rest)| (Some(*mask), rest))?,
    };
    Some((*first, mask, n_bytes, raw.len() - rest.len()))
}

fn write_head(head: &mut BytesMut, first: u8, mask: Option<[u8; 4]>, n_bytes: usize) {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    match n_bytes {
        0..126 => head.extend_from_slice(&[first, masked | n_bytes as u8]),
        126..=0xFFFF => {
            head.extend_from_slice(&[first, masked | 126]);
            head.extend_from_slice(&(n_bytes as u16).to_be_bytes());
        }
        _ => {
            head.extend_from_slice(&[first, masked | 127]);
            head.extend_from_slice(&(n_bytes as u64).to_be_bytes());
        }
    }
    head.extend_from_slice(&mask.unwrap_or_default()[..if mask.is_some() { 4 } else { 0 }]);
}

/// Moves the first of `from` to where bytes are read to; how many.
fn give(from: &mut BytesMut, most: usize, to: &mut ReadBuf<'_>) -> usize {
    let n_bytes = from.len().min(most).min(to.remaining());
    to.put_slice(&from[..n_bytes]);
    from.advance(n_bytes);
    n_bytes
}

impl AsyncRead for Cut {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = &mut *self;
        if to.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            if !me.head.is_empty() {
                give(&mut me.head, usize::MAX, to);
                return Poll::Ready(Ok(()));
            }
            if me.pass > 0 && !me.raw.is_empty() {
                me.pass -= give(&mut me.raw, me.pass, to);
                return Poll::Ready(Ok(()));
            }
            if me.pass > 0 {
                let most = me.pass.min(to.remaining());
                let mut part = ReadBuf::new(to.initialize_unfilled_to(most));
                ready!(Pin::new(&mut me.inner).poll_read(context, &mut part))?;
                let n_bytes = part.filled().len();
                to.advance(n_bytes);
                me.pass -= n_bytes;
                return Poll::Ready(Ok(()));
            }
            if me.look()? {
                continue;
            }
            let mut chunk = [0; CHUNK];
            let mut part = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut me.inner).poll_read(context, &mut part))?;
            if part.filled().is_empty() {
                // The end; what is left of a head is given on.
                give(&mut me.raw, usize::MAX, to);
                return Poll::Ready(Ok(()));
            }
            me.raw.extend_from_slice(part.filled());
        }
    }
}

impl AsyncWrite for Cut {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// What comes out of bytes that come in pieces.
    fn cut(bytes: &[u8], piece: usize) -> io::Result<Vec<u8>> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (near, mut far) = tokio::io::duplex(piece);
            let bytes = bytes.to_vec();
            let sent = tokio::spawn(async move {
                // It is not read to its end when it is wrong.
                let _: io::Result<()> = far.write_all(&bytes).await;
            });
            let mut out = Vec::new();
            let read = Cut::new(Box::new(near)).read_to_end(&mut out).await.map(|_| out);
            sent.abort();
            read
        })
    }

    const HELLO: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";

    fn frame(first: u8, mask: Option<[u8; 4]>, content: &[u8]) -> Vec<u8> {
        let mut bytes = BytesMut::new();
        write_head(&mut bytes, first, mask, content.len());
        bytes.extend_from_slice(content);
        bytes.to_vec()
    }

    #[test]
    fn short_frames_go_as_they_are() {
        let mask = Some([1, 2, 3, 4]);
        let frames = [
            frame(0x82, mask, b"abc"),
            frame(0x82, None, &[7; 300]),
            frame(0x89, mask, b"ping"),
            frame(0x81, None, b"text"),
            frame(0x82, None, b""),
            frame(0x88, mask, &[3, 232]),
        ];
        let all = [HELLO.to_vec(), frames.concat()].concat();
        for piece in [1, 3, 7, 4096] {
            assert_eq!(cut(&all, piece).unwrap(), all, "{piece}");
        }
    }

    #[test]
    fn long_frames_are_cut() {
        let mask = Some([9, 8, 7, 6]);
        let content: Vec<u8> = (0..200_000u32).map(|at| (at % 251) as u8).collect();
        let parts = content.chunks(LONGEST).map(|part| frame(0x82, mask, part));
        let expected = [HELLO.to_vec(), parts.collect::<Vec<_>>().concat()].concat();
        for piece in [13, 5000, 1 << 20] {
            let out = cut(&[HELLO.to_vec(), frame(0x82, mask, &content)].concat(), piece).unwrap();
            assert!(out == expected, "{piece}");
        }
    }

    #[test]
    fn messages_of_several_frames_are_several_messages() {
        let sent = [
            HELLO.to_vec(),
            frame(2, None, b"one"),
            frame(0, None, b"two"),
            frame(0x80, None, b"three"),
        ];
        let expected = [
            HELLO.to_vec(),
            frame(0x82, None, b"one"),
            frame(0x82, None, b"two"),
            frame(0x82, None, b"three"),
        ];
        assert_eq!(cut(&sent.concat(), 64).unwrap(), expected.concat());
        // What goes on with nothing is not made right.
        let stray = [HELLO.to_vec(), frame(0x80, None, b"x")].concat();
        assert_eq!(cut(&stray, 64).unwrap(), stray);
        let twice = [HELLO.to_vec(), frame(2, None, b"x"), frame(2, None, b"y")].concat();
        assert!(cut(&twice, 64).is_err());
    }
}
