//! Secrets that a scheme takes and that are hardly meant.

use super::*;

#[test]
fn wh_6_a_secret_that_is_easily_found_is_a_warning_for_schemes_that_take_any_text() {
    let warnings = |signature: serde_json::Value, secret: serde_json::Value| -> Vec<String> {
        let sink = webhook(&json!({ "signature": signature, "secret": secret }));
        sink.translator.warnings().to_vec()
    };
    let short = |key: &str| {
        format!(
            "`sinks.it.{key}` is shorter than 16 bytes, so others can find it out and sign as you; `openssl rand -hex 32` prints a good one"
        )
    };
    let (fifteen, sixteen) = ("fifteen bytes !", "sixteen bytes !!");
    for scheme in ["github", "stripe"] {
        assert_eq!(warnings(json!(scheme), json!("x")), [short("secret")]);
        assert_eq!(warnings(json!(scheme), json!(fifteen)), [short("secret")]);
        assert!(warnings(json!(scheme), json!(sixteen)).is_empty());
        assert_eq!(
            warnings(json!(scheme), json!(["x", sixteen, "old"])),
            [short("secret[0]"), short("secret[2]")]
        );
    }
    assert!(warnings(json!(["standard", "github"]), json!(SECRET)).is_empty());
    let unsigned = json!({ "url": "https://example.org/", "signature": "none", "secret": "x" });
    assert!(sink("webhook", &unsigned).translator.warnings().is_empty());
    for scheme in ["standard", "github", "stripe"] {
        let empty = with("webhook", &json!({ "signature": scheme, "secret": "" }));
        refused("webhook", &empty, "sinks.it.secret");
    }
}
