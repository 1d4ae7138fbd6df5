//! How fast names become plates: not tests, but figures for whoever changes this.
//!
//! `cargo test --release -p polystore measure -- --ignored --nocapture`

use super::{read_plate, testing::TestFolder};
use crate::WellPosition;

/// Names of a full 1536-well plate, in an order as a directory has it: none.
fn shuffled(name: impl Fn(WellPosition, u32, u32) -> String) -> TestFolder {
    let mut names = Vec::new();
    for well in 0..1536 {
        let well = WellPosition::new(well / 48, well % 48);
        for field in 0..9 {
            for channel in 0..5 {
                names.push(name(well, field, channel));
            }
        }
    }
    let mut state = 1u64;
    for at in (1..names.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        names.swap(at, (state >> 33) as usize % (at + 1));
    }
    TestFolder::new(names.iter().map(String::as_str))
}

/// Time that this thread has run, which other processes do not lengthen much.
fn cpu_ms() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e6
}

fn report(what: &str, folder: &TestFolder) {
    let mut best = f64::MAX;
    for _ in 0..9 {
        let start = cpu_ms();
        let plate = read_plate(&folder.folder(), None).unwrap();
        best = best.min(cpu_ms() - start);
        assert_eq!(plate.structure.n_images(), 13_824);
    }
    println!("{what}: {best:.1} ms of one thread");
}

#[test]
#[ignore = "measures"]
fn imagexpress() {
    let flat = |well, field, channel| format!("Bench_{well}_s{}_w{}.TIF", field + 1, channel + 1);
    report("69 120 names of ImageXpress, flat", &shuffled(flat));
}
