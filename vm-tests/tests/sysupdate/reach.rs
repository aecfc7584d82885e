//! Ways to the server that machines have: by name and HTTPS, through a proxy, and by a redirect. Whom the server's
//! certificate is from is the machine's matter; the image's keyring decides what is installed.

use pattern_vm_tests::Proxy;

use crate::rig::{Rig, ok};

const NAME: &str = "updates.test";

fn rig() -> Rig {
    let rig = Rig::new("1", &["demo_1.efi"], ["1", ""]);
    rig.publish(&["1", "2"]);
    rig
}

#[test]
fn a_server_is_reached_by_its_name_if_its_authority_is_known() {
    let rig = rig();
    let tls = rig.secure(NAME);
    rig.define(&format!("https://{NAME}:{}/", tls.port()));
    let said = |output: std::process::Output| String::from_utf8(output.stderr).unwrap();
    let nameless = rig.sysupdate(&["check-new"]);
    assert!(said(nameless).contains("Could not resolve host"));
    rig.know(Some(NAME), None);
    let distrusted = rig.sysupdate(&["update", "2"]);
    assert!(!distrusted.status.success());
    assert!(said(distrusted).contains("SSL"), "the cause is not said");
    assert_eq!((rig.files(), rig.requests()), (vec!["demo_1.efi".to_owned()], vec![]));
    rig.know(Some(NAME), Some(&tls));
    assert_eq!(rig.newest().as_deref(), Some("2"));
    ok(&rig.sysupdate(&["update", "2"]));
    assert_eq!(rig.files(), ["demo_1.efi", "demo_2+3-0.efi"]);
}

/// Behind a proxy, a machine may have no names at all.
#[test]
fn a_proxy_is_used_and_asked_for_the_name() {
    let rig = rig();
    let tls = rig.secure(NAME);
    let address = format!("{NAME}:{}", tls.port());
    rig.define(&format!("https://{address}/"));
    rig.know(None, Some(&tls));
    let proxy = Proxy::start(tls.port());
    let variable = format!("http://127.0.0.1:{}", proxy.port());
    ok(&rig.sysupdate_with(&[("https_proxy", &variable)], &["update", "2"]));
    assert_eq!(rig.files(), ["demo_1.efi", "demo_2+3-0.efi"]);
    let asked = proxy.asked();
    assert!(!asked.is_empty() && asked.iter().all(|line| *line == format!("CONNECT {address} HTTP/1.1")));
}

#[test]
fn a_redirect_to_another_server_is_followed() {
    let rig = rig();
    let tls = rig.secure(NAME);
    let from = pattern_vm_tests::Server::start(std::path::Path::new("/nonexistent"));
    from.redirect(&format!("https://{NAME}:{}", tls.port()));
    rig.define(&format!("http://127.0.0.1:{}/", from.port()));
    rig.know(Some(NAME), Some(&tls));
    ok(&rig.sysupdate(&["update", "2"]));
    assert_eq!(rig.files(), ["demo_1.efi", "demo_2+3-0.efi"]);
    assert_eq!(from.requests().len(), rig.requests().len());
}
