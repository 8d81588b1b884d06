//! A written scalar to a value of its type.

use crate::merged::Value;
use crate::raw::{Data, Raw};
use crate::schema::Type;
use pintle_model::Size;

/// The value; `None` where it is not of the type.
pub(crate) fn read(ty: &Type, raw: &Raw) -> Option<Value> {
    match (ty, &raw.data) {
        (Type::Text(kind), Data::String(text)) => kind.accepts(text).then(|| Value::String(text.clone())),
        (Type::Scalar, Data::String(text)) => Some(Value::String(text.clone())),
        (Type::Bool | Type::Scalar, Data::Bool(value)) => Some(Value::Bool(*value)),
        (Type::Integer { min, max }, Data::Integer(number)) => {
            (min..=max).contains(&number).then_some(Value::Integer(*number))
        }
        (Type::Scalar, Data::Integer(number)) => Some(Value::Integer(*number)),
        (Type::Size, Data::Integer(number)) => (*number >= 0).then_some(Value::Integer(*number)),
        (Type::Size, Data::String(text)) => {
            let size: Size = text.parse().ok()?;
            i64::try_from(size.bytes()).ok().map(Value::Integer)
        }
        (Type::Choice(choices), Data::String(text)) => {
            choices.contains(text).then(|| Value::String(text.clone()))
        }
        _ => None,
    }
}
