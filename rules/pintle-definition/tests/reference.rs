//! The reference of options, from the modules.

use pintle_definition::{MemoryFiles, Reference, evaluate, reference};

fn shipped() -> Reference {
    reference(&MemoryFiles::new()).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn every_option_is_documented_and_every_example_can_be_copied() {
    for module in shipped().modules {
        assert!(module.doc.len() > 20, "module {} needs words", module.name);
        for option in module.options {
            assert!(option.doc.ends_with('.'), "{}: {:?} is no sentence", option.path, option.doc);
            let Some(example) = option.example else { continue };
            // Examples stand by themselves: what they lack is a name, and what they name beside the definition.
            let name = if option.path == "name" { "" } else { "name = \"t\"\n" };
            let example = example.replace("NAME", "main").replace("AAAA…", "AAAA");
            let files = MemoryFiles::new()
                .with("system.toml", format!("{name}{example}\n"))
                .with("site", "")
                .with("keys/internal.asc", "")
                .with("kernel/bzImage", "")
                .with("kernel/lib/modules/6.18.3-mine/modules.order", "")
                .with("haproxy.cfg", "")
                .with("images/shop.tar", "")
                .with("images/shop/oci-layout", "")
                .with("../common/base.toml", "");
            let Err(problems) = evaluate(&files, "system.toml") else { continue };
            // A part of a record may need its other parts; it must still be of its type.
            for problem in problems.0 {
                let incomplete = problem.message.contains("needs")
                    || problem.message.contains("must be set")
                    || problem.message.contains("must begin with")
                    || problem.message.contains("that is not in");
                assert!(incomplete, "{}: {}\n{example}", option.path, problem.message);
            }
        }
    }
}

#[test]
fn a_part_of_the_reference() {
    insta::assert_snapshot!(shipped().below("ssh").markdown().split_once("## ssh").unwrap().1, @r#"
    OpenSSH server. Only keys open it; see `users` for whose.

    Host keys are made on the machine's first boot: an image never holds any.

    This module is part of the system as soon as it is mentioned.

    ### `ssh.enable`

    Whether this module is part of the system. On as soon as anything of it is set, be it only its empty table.

    - type: bool

    ### `ssh.port`

    Port it listens on.

    - type: port
    - default: `22`

    ### `ssh.password-authentication`

    Let people in by password too.

    - type: bool
    - default: `false`

    ### `ssh.root-login`

    How root may log in: with a key, not at all, anyhow, or only for commands fixed to a key.

    - type: prohibit-password | no | yes | forced-commands-only
    - default: `"prohibit-password"`

    ### `ssh.allow-users`

    Only these users may log in; all may where the list is empty.

    - type: list of word

    ```toml
    [ssh]
    allow-users = ["root", "alice"]
    ```

    ### `ssh.settings`

    Further settings of sshd_config. The name of one that has an option of its own above is refused.

    - type: map of scalar

    ```toml
    [ssh.settings]
    ClientAliveInterval = 60
    X11Forwarding = false
    ```
    "#);
    insta::assert_snapshot!(shipped().below("nginx.sites.NAME.locations").markdown().split_once("## nginx").unwrap().1, @r#"
    The web server nginx: static sites and proxies. Debian's default site is switched off.

    This module is part of the system as soon as it is mentioned.

    ### `nginx.sites.NAME.locations`

    Parts of the site that are served differently, by the beginning of their path.

    - type: map of record

    ```toml
    [nginx.sites.NAME.locations."/api/"]
    proxy = "http://127.0.0.1:8080"

    [nginx.sites.NAME.locations."/downloads/"]
    extra = "autoindex on;"
    root = "/srv/files"
    ```

    ### `nginx.sites.NAME.locations.NAME.root`

    Directory whose files are served; the whole path is looked up in it.

    - type: path

    ```toml
    [nginx.sites.NAME.locations.NAME]
    root = "/srv/files"
    ```

    ### `nginx.sites.NAME.locations.NAME.proxy`

    Server that answers.

    - type: url

    ```toml
    [nginx.sites.NAME.locations.NAME]
    proxy = "http://127.0.0.1:8080"
    ```

    ### `nginx.sites.NAME.locations.NAME.extra`

    Further nginx directives of this location, as they are.

    - type: string
    - default: `""`

    ```toml
    [nginx.sites.NAME.locations.NAME]
    extra = "autoindex on;"
    ```
    "#);
}

#[test]
fn the_pages_hold_every_option() {
    let reference = shipped();
    let (markdown, html) = (reference.markdown(), reference.html());
    let json = serde_json::to_string(&reference).unwrap();
    let mut count = 0;
    for option in reference.modules.iter().flat_map(|module| &module.options) {
        assert!(markdown.contains(&format!("### `{}`", option.path)));
        assert!(html.contains(&format!("<article id=\"{}\">", option.path.replace('"', "&quot;"))));
        assert!(json.contains(&format!("\"path\":{}", serde_json::to_string(&option.path).unwrap())));
        count += 1;
    }
    assert!(count > 100, "only {count} options");
    assert_eq!(html.matches("<article").count(), html.matches("</article>").count());
    assert!(html.is_ascii() || html.contains("<meta charset=\"utf-8\">"));
    assert!(!html.contains("http-equiv") && !html.contains("src="), "the page needs nothing else");
}

#[test]
fn modules_of_the_author_s_own_are_in_it() {
    let files = MemoryFiles::new().with("modules/mine/module.toml", "doc = \"A module <of mine>.\"\n");
    let reference = reference(&files).unwrap();
    let mine = reference.modules.iter().find(|module| module.name == "mine").unwrap();
    assert!(!mine.shipped);
    assert!(reference.html().contains("A module &lt;of mine&gt;."));
}
