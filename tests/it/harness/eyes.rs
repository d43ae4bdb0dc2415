//! A real browser that looks at the pages. Only where the environment names a WebDriver is there one.

use std::env;
use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use url::{ParseError, Url};

use super::soon;

/// Where the WebDriver of a Chromium is.
const WEBDRIVER: &str = "BELLWIRE_WEBDRIVER";

/// The file of axe-core, which judges whether everybody can use a page.
const AXE: &str = "BELLWIRE_AXE";

/// A folder for pictures of what it sees, if somebody wants to see it, too.
const SCREENSHOTS: &str = "BELLWIRE_SCREENSHOTS";

/// Widths of a phone and of a desk.
const WIDTHS: [u32; 2] = [360, 1280];

/// A browser with one window.
pub(crate) struct Eyes {
    pub(crate) client: Client,
    axe: String,
    screenshots: Option<PathBuf>,
}

/// A command of the browser's own protocol, sent by way of the WebDriver.
#[derive(Debug)]
struct Own(&'static str, Value);

/// What the browser has complained about so far.
#[derive(Debug)]
struct Complaints;

impl Eyes {
    /// Opens a browser, where there is one.
    pub(crate) async fn open() -> Option<Self> {
        let webdriver = env::var(WEBDRIVER).ok()?;
        let axe = env::var(AXE).expect("the file of axe-core is named beside the WebDriver");
        let capabilities = json!({
            "goog:chromeOptions": { "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--disable-background-networking", "--window-size=1280,900",
            ] },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(capabilities) = capabilities else {
            unreachable!("it is an object");
        };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let browser = builder.capabilities(capabilities);
        let client = soon("a browser", browser.connect(&webdriver)).await;
        Some(Self {
            client: client.expect("a browser"),
            axe: fs::read_to_string(axe).expect("axe-core"),
            screenshots: env::var(SCREENSHOTS).ok().map(PathBuf::from),
        })
    }

    pub(crate) async fn goto(&self, url: &str) {
        soon(url, self.client.goto(url)).await.expect("a page");
    }

    /// Waits until something is there, by a CSS selector.
    pub(crate) async fn sees(&self, selector: &str) {
        let wait = self.client.wait().at_most(super::DEADLINE);
        let found = wait.for_element(Locator::Css(selector)).await;
        assert!(found.is_ok(), "no {selector}: {}", self.text().await);
    }

    /// Waits until a text stands somewhere on the page.
    pub(crate) async fn reads(&self, text: &str) {
        let mut look = tokio::time::interval(std::time::Duration::from_millis(50));
        soon(text, async {
            while !self.text().await.contains(text) {
                look.tick().await;
            }
        })
        .await;
    }

    /// All text that a person sees.
    pub(crate) async fn text(&self) -> String {
        // A page that is just being left has none.
        let body = self.client.find(Locator::Css("body")).await;
        match body {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    /// Presses what a CSS selector finds.
    pub(crate) async fn press(&self, selector: &str) {
        self.sees(selector).await;
        let found = self.client.find(Locator::Css(selector)).await;
        let pressed = found.expect("it is there").click().await;
        pressed.expect("it can be pressed");
    }

    /// Types into what a CSS selector finds.
    pub(crate) async fn types(&self, selector: &str, text: &str) {
        self.sees(selector).await;
        let found = self.client.find(Locator::Css(selector)).await;
        let typed = found.expect("it is there").send_keys(text).await;
        typed.expect("it can be typed into");
    }

    /// What an expression is on the page.
    pub(crate) async fn value(&self, expression: &str) -> Value {
        let script = format!("return {expression};");
        let value = self.client.execute(&script, Vec::new()).await;
        value.expect("a value")
    }

    /// Turns the page's own scripts off or on, from the next page on.
    pub(crate) async fn scripts(&self, run: bool) {
        let off = json!({ "value": !run });
        self.own("Emulation.setScriptExecutionDisabled", off).await;
    }

    /// Looks at the page in both schemes and both widths: everybody can use it, and nothing has to be
    /// moved sideways. A picture of each is kept.
    pub(crate) async fn judges(&self, name: &str) {
        let url = self.client.current_url().await.expect("an address");
        // As on a phone, where they lie over the page.
        let hidden = json!({ "hidden": true });
        self.own("Emulation.setScrollbarsHidden", hidden).await;
        for scheme in ["light", "dark"] {
            let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
            let media = json!({ "media": "screen", "features": features });
            self.own("Emulation.setEmulatedMedia", media).await;
            for width in WIDTHS {
                let metrics = json!({
                    "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false,
                });
                self.own("Emulation.setDeviceMetricsOverride", metrics)
                    .await;
                let place = format!("{name} {scheme} {width} {url}");
                let wide = self.value("document.documentElement.scrollWidth").await;
                assert!(wide.as_u64() <= Some(u64::from(width)), "{place}: {wide}");
                self.picture(&format!("{name}-{width}-{scheme}.png")).await;
                self.axe(&place).await;
            }
        }
        self.own("Emulation.clearDeviceMetricsOverride", json!({}))
            .await;
    }

    async fn axe(&self, place: &str) {
        let client = &self.client;
        client.execute(&self.axe, Vec::new()).await.expect("axe");
        let tags = r#"["wcag2a","wcag2aa","wcag21a","wcag21aa","wcag22aa"]"#;
        let run = format!(
            "const done = arguments[arguments.length - 1];
             axe.run(document, {{ runOnly: {tags} }}).then((found) => done([found.passes.length,
                 found.violations.map((one) => [one.id, one.help, one.nodes.map((node) => node.html + node.failureSummary)])]));"
        );
        let judged = client.execute_async(&run, Vec::new()).await;
        let judged = judged.expect("a judgement");
        assert!(judged[0].as_u64() > Some(5), "{place}: {judged}");
        assert_eq!(judged[1], json!([]), "{place}");
    }

    async fn picture(&self, name: &str) {
        let Some(folder) = &self.screenshots else {
            return;
        };
        let whole = json!({ "format": "png", "captureBeyondViewport": true });
        let told = self.own("Page.captureScreenshot", whole).await;
        let picture = STANDARD.decode(told["data"].as_str().expect("a picture"));
        fs::write(folder.join(name), picture.expect("base64")).expect("writes");
    }

    /// What the browser has complained about, such as what the page's own policy forbids.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let told = self.client.issue_cmd(Complaints).await.expect("a log");
        let told = told.as_array().expect("a list").iter();
        told.map(|line| line["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    async fn own(&self, name: &'static str, parameters: Value) -> Value {
        let told = self.client.issue_cmd(Own(name, parameters)).await;
        told.expect("the browser takes it")
    }

    pub(crate) async fn close(self) {
        self.client.close().await.expect("it closes");
    }
}

fn of_session(base: &Url, session: Option<&str>, path: &str) -> Result<Url, ParseError> {
    base.join(&format!("session/{}/{path}", session.unwrap_or_default()))
}

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        of_session(base, session, "goog/cdp/execute")
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        let body = json!({ "cmd": self.0, "params": self.1 });
        (Method::POST, Some(body.to_string()))
    }
}

impl WebDriverCompatibleCommand for Complaints {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        of_session(base, session, "se/log")
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}
