//! Plans of trees that people could have, and of thousands that nobody has.

mod accounts;
mod apply;
mod back;
mod conflicts;
mod generate;
mod journal;
mod list;
mod oracle;
mod population;
mod properties;
mod sample;
mod scenarios;
mod state;
mod summary;
mod take;
mod units;
mod users;
