use super::markdown::{LANGUAGE, title};
use super::{OptionReference, Reference};
use std::fmt::Write as _;

const HEAD: &str = include_str!("head.html");
const TAIL: &str = include_str!("tail.html");

pub(super) fn page(reference: &Reference) -> String {
    let mut out = String::from(HEAD);
    out.push_str("<nav><input id=\"search\" type=\"search\" placeholder=\"Search options (/)\" autofocus aria-label=\"Search options\">\n<ul>\n");
    for module in &reference.modules {
        let title = escape(&title(module));
        let _ = writeln!(out, "<li><a href=\"#module-{}\">{title}</a></li>", escape(&module.name));
    }
    out.push_str("</ul></nav>\n<main>\n<h1>Options</h1>\n<div id=\"intro\">\n");
    paragraphs(&mut out, LANGUAGE);
    out.push_str("</div>\n<p id=\"count\" role=\"status\"></p>\n");
    for module in &reference.modules {
        let _ = write!(
            out,
            "<section id=\"module-{0}\">\n<h2>{1}</h2>\n",
            escape(&module.name),
            escape(&title(module))
        );
        paragraphs(&mut out, &module.doc);
        if module.name != crate::schema::ROOT {
            let _ = writeln!(out, "<p class=\"active\">This module is {}.</p>", inline(module.active));
        }
        for option in &module.options {
            write_option(&mut out, option);
        }
        out.push_str("</section>\n");
    }
    out.push_str(TAIL);
    out
}

fn write_option(out: &mut String, option: &OptionReference) {
    let path = escape(&option.path);
    let _ = write!(
        out,
        "<article id=\"{path}\">\n<h3><a href=\"#{path}\"><code>{path}</code></a> <span class=\"type\">{}</span>",
        escape(&option.ty)
    );
    if option.required {
        out.push_str(" <span class=\"required\">required</span>");
    }
    out.push_str("</h3>\n");
    paragraphs(out, &option.doc);
    if let Some(default) = &option.default {
        let _ = writeln!(out, "<p class=\"default\">Default: <code>{}</code></p>", escape(default));
    }
    if let Some(example) = &option.example {
        let _ = writeln!(out, "<pre><code>{}</code></pre>", escape(example));
    }
    out.push_str("</article>\n");
}

/// The little Markdown that documentation uses: paragraphs, lists, `code`.
fn paragraphs(out: &mut String, text: &str) {
    for block in text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        if block.starts_with("- ") {
            out.push_str("<ul>\n");
            for item in block.split("\n- ") {
                let _ = writeln!(out, "<li>{}</li>", inline(item.trim_start_matches("- ")));
            }
            out.push_str("</ul>\n");
        } else {
            let _ = writeln!(out, "<p>{}</p>", inline(block));
        }
    }
}

fn inline(text: &str) -> String {
    text.split('`')
        .enumerate()
        .map(
            |(index, part)| {
                if index % 2 == 1 { format!("<code>{}</code>", escape(part)) } else { escape(part) }
            },
        )
        .collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
