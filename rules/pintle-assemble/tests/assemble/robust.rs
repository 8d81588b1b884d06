//! Scripts and sysusers files come from outside: whatever they hold, assembly answers.

use crate::world::World;
use proptest::prelude::*;

const SEEDS: &[&str] = &[
    "if [ \"$1\" = configure ] && [ -z \"$2\" ]; then\n\tmkdir -p /var/lib/x\nelif true; then :; else exit 0; fi\n",
    "case \"$1\" in\n (configure|\"abort\"*) f() { echo ${2:-x} \"$(dirname /a/b)\" `which y`; }; f a b;;\n *) exit 1;;\nesac\n",
    "for i in a b; do while read x; do cat > /etc/$i <<-EOF\n\ttext $i\n\tEOF\ndone; done < /etc/list\n",
    "# Automatically added by dh_installnss/1\n# Installing hosts/x from y in position before=dns\n# End automatically added section\n",
    "! ! a | b && c || d & (e; f) >/dev/null 2>&1\n${a:+${b:-$((1+2))}}\n",
];

fn try_script(script: &str) {
    let mut world = World::new();
    world.package("toy", "1").member("postinst", script).member("preinst", script);
    drop(world.assemble());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_script_is_answered(script in "[\\[\\](){}<>|&;$`'\"\\\\ \t\na-c0-2#=!:+/*?-]{0,200}") {
        try_script(&script);
    }

    #[test]
    fn mutated_scripts_are_answered(seed in 0..SEEDS.len(), cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = SEEDS[seed].repeat(2).into_bytes();
        for (place, byte) in cuts {
            let at = place.index(bytes.len());
            match byte % 3 {
                0 => drop(bytes.remove(at)),
                1 => bytes.insert(at, b"\"'`$(){}<>;&|\n"[usize::from(byte) % 14]),
                _ => bytes[at] = byte % 128,
            }
        }
        try_script(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_sysusers_file_is_answered(text in "[ugmr!:/ \t\n\"'\\\\a-c0-9-]{0,120}") {
        let mut world = World::new();
        world.package("toy", "1").file("usr/lib/sysusers.d/toy.conf", &text);
        drop(world.assemble());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = pintle_assemble::fuzz::maintainer_script(&bytes);
        let _ = pintle_assemble::fuzz::sysusers(&bytes);
        let _ = pintle_assemble::fuzz::recipe(&bytes);
    }
}

#[test]
fn deep_and_long_scripts_end() {
    for piece in ["(", "$(", "\"$(", "`", "f() ", "! ", "if ", "{ ", "a && ", "${a:-", "case x in (", "<<E\n"]
    {
        try_script(&piece.repeat(20_000));
        try_script(&format!("f() {{ f; }}; f; {}", piece.repeat(300)));
    }
    // Each function calls the one before twice.
    let chain: String = (1..30).map(|n| format!("f{n}() {{ f{} ; f{}; }}\n", n - 1, n - 1)).collect();
    try_script(&format!("f0() {{ :; }}\n{chain}f29\n"));
    try_script(&"x".repeat(2 << 20));
}
