//! Maintainer scripts are read, not run: a parser for the part of the shell language that they use, and a walk
//! through the one call that matters, the fresh installation.

mod commands;
mod control;
mod expand;
mod facts;
mod parse;
mod redirect;
mod run;
mod syntax;
mod word;

pub(crate) use commands::attribute as capabilities;
pub(crate) use facts::{Facts, matches};
pub(crate) use parse::SyntaxError;
pub(crate) use run::{Context, Findings, Phase, follow, settle};
