//! `/`: what a person sees who opens the address in a browser.

use axum::response::Html;

const PAGE: &str = include_str!("home.html");

/// The page.
pub(super) async fn home() -> Html<String> {
    Html(PAGE.replace("{version}", env!("CARGO_PKG_VERSION")))
}
