//! The definition language: `system.toml` and modules to one [`pintle_model::System`], with the origin of every value.
//!
//! A definition is TOML. Its top holds a few options of its own (`name`, `source`, `image`, …) and one table per
//! *module*. A module is a folder with a `module.toml`, which declares typed options and what they contribute
//! (packages, files, users, services, units, checks), and with Jinja templates. Modules are shipped with this crate or
//! lie in `modules/` beside the definition.
//!
//! Several files may set the same option ([`evaluate`] follows `import = ["common.toml"]`). How strongly is said by
//! where the table stands:
//!
//! | written | priority |
//! |---|---|
//! | an option's own default | used where nothing sets it |
//! | `[default.nginx]` | yields to everything below |
//! | `[nginx]` | normal |
//! | `[force.nginx]` | wins |
//! | `[replace.nginx]` | wins, and what others added to the named lists and maps is dropped |
//!
//! Within one priority scalars must agree, lists append, maps merge key by key.
//!
//! Nothing here touches the world: files come through [`Files`].

mod collect;
mod collected;
mod contribute;
mod document;
mod duplicate;
mod evaluate;
mod explain;
mod fields;
mod files;
mod load;
mod merge;
mod merge_problem;
mod merged;
mod modules;
mod near;
mod problem;
mod raw;
mod reference;
mod render;
mod scalar;
mod schema;
mod schema_read;
mod slim;
mod source;
mod starter;
mod system;
mod template;
mod text;

pub use document::{DocumentError, InvalidSystem, evaluate_document, validate};
pub use evaluate::{Evaluation, evaluate};
pub use explain::{Explanation, NoSuchPath, Part, SetBy};
pub use files::{FileKind, Files, FilesError, MemoryFiles};
pub use problem::{Diagnostic, Location, Note, NoteKind, Paint, Problems};
pub use reference::{ModuleReference, OptionReference, Reference, reference};
pub use slim::slim_rules;
pub use starter::{STARTER_KEYS, starter};
