//! All cases, one file per group.

mod blob;
mod concurrent;
mod create;
mod delete;
mod describe;
mod directory;
mod hostile;
mod level;
mod list;
mod naming;
mod notes;
mod plane_file;
mod plate;
mod read;
mod region;
mod rename;
mod spec;
mod stat;
mod unsupported;
mod write;

use crate::conformance::Case;

/// All cases, group by group.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    let groups: [&[Case]; 20] = [
        stat::CASES,
        list::CASES,
        describe::CASES,
        plate::CASES,
        read::CASES,
        region::CASES,
        level::CASES,
        naming::CASES,
        create::CASES,
        write::CASES,
        plane_file::CASES,
        blob::CASES,
        directory::CASES,
        delete::CASES,
        rename::CASES,
        notes::CASES,
        concurrent::CASES,
        spec::CASES,
        unsupported::CASES,
        hostile::CASES,
    ];
    groups.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_have_a_group() {
        let names: Vec<_> = super::cases().map(|case| case.name).collect();
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
        assert!(names.iter().all(|name| name.split('/').count() == 2), "{names:?}");
    }
}
