//! Integration tests of the filesystem, a module per topic.

mod disk_files;
