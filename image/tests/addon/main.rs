//! `pattern addon`, as its users run it.

mod made;
mod place;
mod refused;
mod stop;
