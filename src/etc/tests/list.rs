//! What is kept of a version is a text. Read again, it is the same tree, down to each attribute.

use super::generate::{self, Random};
use super::sample::{owned, path, tree, with};
use crate::etc::{Kind, Tree};

#[test]
fn thousands_of_trees_are_read_as_they_were_written() {
    for seed in 0..3000 {
        let tree = generate::tree(&mut Random::new(seed));
        let read = Tree::parse(&tree.list()).unwrap();
        assert_eq!(read, tree, "seed {seed}");
        for (path, node) in tree.iter().filter(|(_, node)| matches!(node.kind, Kind::File(_))) {
            let Kind::File(content) = &node.kind else { unreachable!() };
            assert_eq!(read.text(path), tree.text(path), "seed {seed}");
            assert!(read.has_size(path, content.size()) && !read.has_size(path, content.size() + 1));
        }
    }
    assert_eq!(Tree::parse(""), Some(Tree::default()));
}

#[test]
fn each_path_has_a_line() {
    let mut tree =
        tree(&[("a b/\n", "/"), ("motd", "hello\n"), ("shells", "/bin/sh\n"), ("tab", "-> /proc")]);
    tree = with(owned(tree, "shells", 0, 42, 0o640), "empty", "");
    let list = "directory 0 0 755   a b\ndirectory 0 0 755   a b/\\u{a}\n\
        file 0 0 644 0:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU  empty\n\
        file 0 0 644 6:WJG1tSLV3whtD/CxEPvZ0hu0/HFjrzTQgoai6Eb2vgM  motd\n\
        text 0 42 640 L2Jpbi9zaAo  shells\nlink 0 0 777 L3Byb2M  tab\n";
    assert_eq!(tree.list(), list);
}

#[test]
fn a_text_that_was_not_written_by_us_is_refused() {
    for text in [
        "\n",
        "directory 0 0 755   a",
        "directory 0 0 755   \n",
        "directory 0 0 755   ..\n",
        "directory 0 0 755   a/b\n",
        "directory 0 0 0755   a\n",
        "directory 00 0 755   a\n",
        "directory 0 4294967296 755   a\n",
        "directory 0 0 755 x  a\n",
        "directory 0 0 755  x a\n",
        "directory 0 0 755  eA=eA=eA a\n",
        "directory 0 0 755   b\ndirectory 0 0 755   a\n",
        "directory 0 0 755   a\ndirectory 0 0 755   a\n",
        "text 0 0 644 ?  shells\n",
        "text 0 0 644 QQ==  shells\n",
        "file 0 0 644 QQ  a\n",
        "file 0 0 644 1:QQ  a\n",
        "link 0 0 777 QQ  a\nlink 0 0 777 QQ  a/b\n",
        "special 0 0 600 9:0  a\n",
        "thing 0 0 755   a\n",
    ] {
        assert_eq!(Tree::parse(text), None, "{text:?}");
    }
    assert!(Tree::parse("directory 0 0 755   a\n").unwrap().get(&path("a")).is_some());
}
