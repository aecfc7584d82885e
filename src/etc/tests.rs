//! Plans of trees that people could have, and of thousands that nobody has.

mod accounts;
mod apply;
mod conflicts;
mod generate;
mod oracle;
mod population;
mod properties;
mod sample;
mod scenarios;
mod units;
mod users;
