//! Types and signatures of the contract in HTML, where a part of them can be a link.

use anyhow::{Context, Result, bail};
use wit_parser::{Function, Resolve, Type, TypeDefKind};

/// `ty` as code whose named types are links.
///
/// # Errors
///
/// It is of a kind that the contract has not, such as a resource.
pub(crate) fn html(resolve: &Resolve, ty: &Type) -> Result<String> {
    Ok(format!("<code>{}</code>", inner(resolve, ty)?))
}

/// A function as it stands in WIT: a parameter on each line, where one line would be long.
///
/// # Errors
///
/// As [`html`].
pub(crate) fn signature(resolve: &Resolve, function: &Function) -> Result<String> {
    let params = function.params.iter();
    let params = params.map(|param| Ok(format!("{}: {}", param.name, inner(resolve, &param.ty)?)));
    let params = params.collect::<Result<Vec<_>>>()?;
    let params = match params.len() {
        0..3 => params.join(", "),
        _ => format!("\n    {},\n", params.join(",\n    ")),
    };
    let result = function.result.as_ref();
    let result = result.map(|ty| Ok::<_, anyhow::Error>(format!(" -&gt; {}", inner(resolve, ty)?)));
    let result = result.transpose()?.unwrap_or_default();
    Ok(format!("{}: func({params}){result}", function.name))
}

fn inner(resolve: &Resolve, ty: &Type) -> Result<String> {
    let Type::Id(id) = ty else {
        return Ok(primitive(ty)?.to_owned());
    };
    let definition = resolve.types.get(*id).context("a type is not defined")?;
    if let Some(name) = &definition.name {
        return Ok(format!("<a href=\"#{name}\">{name}</a>"));
    }
    let of = |ty: &Option<Type>| match ty {
        Some(ty) => inner(resolve, ty),
        None => Ok("_".to_owned()),
    };
    Ok(match &definition.kind {
        TypeDefKind::List(item) => format!("list&lt;{}&gt;", inner(resolve, item)?),
        TypeDefKind::Option(value) => format!("option&lt;{}&gt;", inner(resolve, value)?),
        TypeDefKind::Result(result) => {
            format!("result&lt;{}, {}&gt;", of(&result.ok)?, of(&result.err)?)
        }
        other => bail!("the page has no form for a {} yet", other.as_str()),
    })
}

fn primitive(ty: &Type) -> Result<&'static str> {
    Ok(match ty {
        Type::Bool => "bool",
        Type::U8 => "u8",
        Type::S8 => "s8",
        Type::U16 => "u16",
        Type::S16 => "s16",
        Type::U32 => "u32",
        Type::S32 => "s32",
        Type::U64 => "u64",
        Type::S64 => "s64",
        Type::F32 => "f32",
        Type::F64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        Type::ErrorContext | Type::Id(_) => bail!("the page has no form for {ty:?} yet"),
    })
}
