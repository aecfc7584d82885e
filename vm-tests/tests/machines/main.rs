//! Machines as people have them: a table, one row for each. `make machines` tries all of them and writes docs/machines.md.

/// Makes a test of each row. What is tried `often` is in `make check`, what is `seldom` in `make machines` alone.
macro_rules! machines {
    ($($when:ident $name:ident: $row:expr;)*) => { $(machine!($when $name $row);)* };
}

macro_rules! machine {
    (often $name:ident $row:expr) => {
        #[test]
        fn $name() {
            $crate::shop::try_out(stringify!($name), module_path!(), &$row);
        }
    };
    (seldom $name:ident $row:expr) => {
        #[test]
        #[ignore = "long; `make machines` runs it"]
        fn $name() {
            $crate::shop::try_out(stringify!($name), module_path!(), &$row);
        }
    };
}

mod chips;
mod disks;
mod screens;
mod shop;
mod tables;
mod volumes;
