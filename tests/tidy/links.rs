//! Relative links in the documents lead to files and headings that exist.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use crate::{files, read, report, root};

#[test]
fn links_in_the_documents_lead_somewhere() {
    let documents = documents();
    assert!(!documents.is_empty(), "there are no documents");
    let mut findings = Vec::new();
    for path in documents {
        for (line, target) in links(&read(&path)) {
            if let Err(why) = check(&path, &target) {
                findings.push(format!("{}:{line}: {target}: {why}", path.display()));
            }
        }
    }
    report("links that lead nowhere", &findings);
}

/// The root's own documents, and those under `docs`, `keys`, `fuzz` and `interop`.
fn documents() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root()).unwrap();
    let names = entries.map(|entry| PathBuf::from(entry.unwrap().file_name()));
    let mut found: Vec<PathBuf> = names
        .filter(|name| name.extension().is_some_and(|end| end == "md"))
        .collect();
    for tree in ["docs", "keys", "fuzz", "interop"] {
        found.extend(files(tree, "md"));
    }
    found.sort();
    found
}

fn check(document: &Path, target: &str) -> Result<(), String> {
    let elsewhere = ["https://", "http://", "mailto:"];
    if elsewhere.iter().any(|scheme| target.starts_with(scheme)) {
        return Ok(());
    }
    let (file, anchor) = match target.split_once('#') {
        Some((file, anchor)) => (file, Some(anchor)),
        None => (target, None),
    };
    let path = if file.is_empty() {
        document.to_owned()
    } else {
        resolve(document, file).ok_or("leaves the repository")?
    };
    if !root().join(&path).exists() {
        return Err("no such file".to_owned());
    }
    match anchor {
        Some(anchor) if !anchors(&read(&path)).contains(anchor) => {
            Err("no such heading".to_owned())
        }
        _ => Ok(()),
    }
}

/// `file` as seen from `document`, relative to the root.
fn resolve(document: &Path, file: &str) -> Option<PathBuf> {
    let mut path = document.parent().map(Path::to_owned).unwrap_or_default();
    for component in Path::new(file).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::ParentDir => {
                if !path.pop() {
                    return None;
                }
            }
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

/// Line number and target of each `[text](target)` and `[name]: target` outside code.
fn links(document: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(document) {
        for (at, _) in line.match_indices("](") {
            let target = &line[at + 2..];
            let end = target.find([')', ' ']).unwrap_or(target.len());
            found.push((number, target[..end].to_owned()));
        }
        let definition = line
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("]: "));
        if let Some((_, target)) = definition {
            let target = target.split_whitespace().next().unwrap_or_default();
            found.push((number, target.to_owned()));
        }
    }
    found
}

/// The anchors that GitHub gives to headings, and `<a id="...">`.
fn anchors(document: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in document.lines() {
        for part in line.split("<a id=\"").skip(1) {
            found.insert(part.split('"').next().unwrap_or_default().to_owned());
        }
    }
    for (_, heading) in headings(document) {
        let slug = slug(&heading);
        let numbered = (1..).map(|n| format!("{slug}-{n}"));
        let mut candidates = std::iter::once(slug.clone()).chain(numbered);
        let free = candidates.find(|name| !found.contains(name));
        found.extend(free);
    }
    found
}

/// Level and text of each heading, outside code blocks.
pub(crate) fn headings(document: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in document.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if let Some(heading) = heading(line).filter(|_| !fenced) {
            found.push(heading);
        }
    }
    found
}

/// Level and text of a line that is a heading.
pub(crate) fn heading(line: &str) -> Option<(usize, String)> {
    let text = line.trim_start_matches('#');
    let level = line.len() - text.len();
    let is_heading = (1..=6).contains(&level) && text.starts_with(' ');
    is_heading.then(|| (level, text.trim().to_owned()))
}

fn slug(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        _ => c.is_alphanumeric().then_some(c),
    });
    kept.collect()
}

/// The lines that are not in a code block, with code spans blanked out, numbered from 1.
fn prose(document: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (at, line) in document.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            // Every second part is between backticks.
            let spoken = line.split('`').step_by(2).collect::<Vec<_>>();
            found.push((at + 1, spoken.join("")));
        }
    }
    found
}

#[test]
fn links_and_anchors_are_read_as_github_reads_them() {
    let document = "# A `b` C: d!\n[x](y.md#z) `[no](code)`\n```\n[no](block)\n# no\n```\n# A b C d\n[r]: ../q.md\n";
    assert_eq!(
        links(document),
        [(2, "y.md#z".to_owned()), (8, "../q.md".to_owned())]
    );
    let anchors = anchors(document);
    assert_eq!(
        anchors.iter().map(String::as_str).collect::<Vec<_>>(),
        ["a-b-c-d", "a-b-c-d-1"]
    );
    assert!(check(Path::new("docs/x.md"), "../Cargo.toml").is_ok());
    assert!(check(Path::new("docs/x.md"), "../../Cargo.toml").is_err());
    assert!(check(Path::new("x.md"), "no-such-file").is_err());
}
