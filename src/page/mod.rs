//! The pages that a person sees in the browser at the end of a login, and the HTTP answers that carry them.
//!
//! Static texts, whole at compile time: nothing of a request, of a server or of the configuration is ever
//! in them, so there is nothing to inject into. No script, no image, no form, nothing loaded. Light and dark
//! follow the system's colours. Limit: English only.

/// Which page is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// The answer of the authorization server has arrived; the program goes on from here.
    Received,
    /// The login came to an end without a code.
    Failed,
    /// Nothing that this address answers to.
    NotHere,
}

/// The status of an answer (RFC 9110, section 15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// 200
    Ok,
    /// 400
    BadRequest,
    /// 404
    NotFound,
    /// 405
    MethodNotAllowed,
}

macro_rules! document {
    ($title:literal, $($line:literal),+) => {
        concat!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
            "<meta name=\"color-scheme\" content=\"light dark\">\n",
            "<title>", $title, "</title>\n<style>", include_str!("style.css"), "</style>\n</head>\n",
            "<body>\n<main>\n<h1>", $title, "</h1>\n", $("<p>", $line, "</p>\n",)+
            "<p><small>mcp-credential</small></p>\n</main>\n</body>\n</html>\n"
        )
    };
}

/// SHA-256 of the text between `<style>` and `</style>`, in base64 (CSP level 3, section 2.3.1).
const STYLE_HASH: &str = "bdX8eCyx1PV8cRvN+RhheKVgTHcq6elFSJWYEPcK8WM=";

impl Page {
    /// The page as it is sent.
    #[must_use]
    pub fn html(self) -> &'static str {
        match self {
            Self::Received => document!(
                "Login received",
                "You can close this tab. The program that asked for the login goes on by itself.",
                "If something still fails, it says so where you started it."
            ),
            Self::Failed => document!(
                "The login did not succeed",
                "The program that asked for it says why, and what to do next.",
                "You can close this tab."
            ),
            Self::NotHere => document!(
                "Nothing to see here",
                "This address waits for the end of one login, and this was not it.",
                "If you came from a login page, start the login once more."
            ),
        }
    }
}

impl Status {
    fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
        }
    }

    fn extra_header(self) -> &'static str {
        if self == Self::MethodNotAllowed { "Allow: GET\r\n" } else { "" }
    }
}

/// A whole HTTP/1.1 answer with `page`. An answer to HEAD is sent without its content
/// (`with_content` false; RFC 9110, section 9.3.2).
#[must_use]
pub fn answer(status: Status, page: Page, with_content: bool) -> Vec<u8> {
    let (html, line, allow) = (page.html(), status.line(), status.extra_header());
    let length = html.len();
    let content = if with_content { html } else { "" };
    format!(
        "HTTP/1.1 {line}\r\n\
         Content-Type: text/html; charset=utf-8\r\n\
         Content-Length: {length}\r\n\
         {allow}\
         Connection: close\r\n\
         Cache-Control: no-store\r\n\
         Content-Security-Policy: default-src 'none'; style-src 'sha256-{STYLE_HASH}'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n\
         Referrer-Policy: no-referrer\r\n\
         X-Content-Type-Options: nosniff\r\n\
         X-Frame-Options: DENY\r\n\
         \r\n{content}"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, engine::general_purpose::STANDARD};
    use sha2::{Digest, Sha256};

    const PAGES: [Page; 3] = [Page::Received, Page::Failed, Page::NotHere];

    fn text(status: Status, page: Page) -> String {
        String::from_utf8(answer(status, page, true)).unwrap()
    }

    #[test]
    fn case_35_the_policy_allows_the_pages_own_style_and_nothing_else() {
        for page in PAGES {
            let (_, rest) = page.html().split_once("<style>").unwrap();
            let (style, rest) = rest.split_once("</style>").unwrap();
            assert!(!rest.contains("<style"), "one style, one hash");
            let hash = STANDARD.encode(Sha256::digest(style));
            let policy = format!("default-src 'none'; style-src 'sha256-{hash}';");
            assert!(text(Status::Ok, page).contains(&policy), "{policy}");
        }
    }

    #[test]
    fn case_35_every_answer_forbids_caching_framing_sniffing_and_referrers() {
        for header in [
            "Cache-Control: no-store",
            "Referrer-Policy: no-referrer",
            "X-Content-Type-Options: nosniff",
            "X-Frame-Options: DENY",
            "Connection: close",
            "Content-Type: text/html; charset=utf-8",
        ] {
            let line = format!("\r\n{header}\r\n");
            assert!(PAGES.iter().all(|page| text(Status::BadRequest, *page).contains(&line)), "{header}");
        }
    }

    #[test]
    fn case_35_a_page_loads_nothing_and_runs_nothing() {
        for page in PAGES {
            for word in ["<script", "<img", "<link", "<form", "<iframe", "src=", "href=", "http:", "url("] {
                assert!(!page.html().contains(word), "{word} in {page:?}");
            }
            let mut tags = page.html().split('<').filter_map(|text| text.split_once('>'));
            assert!(!tags.any(|(tag, _)| tag.contains(" on")), "an event handler in {page:?}");
        }
    }

    #[test]
    fn a_page_says_its_language_and_fits_a_phone() {
        for page in PAGES {
            let html = page.html();
            assert!(html.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"));
            assert!(html.contains("name=\"viewport\"") && html.contains("color-scheme: light dark"));
            assert_eq!(html.matches("<h1>").count(), 1);
        }
    }

    #[test]
    fn an_answer_to_head_announces_the_length_without_sending_the_content() {
        let full = text(Status::MethodNotAllowed, Page::NotHere);
        let bare = String::from_utf8(answer(Status::MethodNotAllowed, Page::NotHere, false)).unwrap();
        assert_eq!(full, format!("{bare}{}", Page::NotHere.html()));
        assert!(bare.contains("\r\nAllow: GET\r\n"));
        assert!(bare.contains(&format!("\r\nContent-Length: {}\r\n", Page::NotHere.html().len())));
    }
}
