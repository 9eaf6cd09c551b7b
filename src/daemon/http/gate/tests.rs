use super::*;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())).collect()
}

fn judged(gate: &Gate, method: Method, path: &str, pairs: &[(&'static str, &str)]) -> u16 {
    gate.judge(&method, &path.parse().unwrap(), &headers(pairs)).map_or_else(|refusal| refusal.status.as_u16(), |()| 200)
}

const TOKEN: &str = "correct-horse-battery";

fn with_token() -> Gate {
    Gate::new(Some(Token::new(TOKEN).unwrap()), vec!["lambdo.example.com".into()]).unwrap()
}

fn without_token() -> Gate {
    Gate::new(None, Vec::new()).unwrap()
}

#[test]
fn only_names_that_nobody_else_can_own_are_answered() {
    let gate = with_token();
    let known =
        ["localhost", "LOCALHOST:7420", "127.0.0.1:7420", "[::1]:7420", "10.1.2.3:80", "lambdo.example.com", "Lambdo.example.com.:443"];
    assert!(known.iter().all(|host| gate.is_host(host)));
    let foreign =
        ["", "evil.example", "lambdo.example.com.evil.example", "127.0.0.1.evil.example", "localhost.evil.example:7420", "evil@localhost"];
    let odd = ["[::1]evil.example", "[::1", "127.0.0.1:evil.example", "localhost:80:80", "localhost:+80"];
    assert!(!foreign.iter().chain(&odd).any(|host| gate.is_host(host)));
    let ask = |address: &str| judged(&gate, Method::GET, address, &[("host", "localhost:7420")]);
    assert_eq!(
        [ask("http://localhost:7420/healthz"), ask("http://evil.example/healthz"), ask("http://localhost/healthz")],
        [200, 403, 403]
    );
    let twice = headers(&[("host", "localhost")]);
    let mut twice = twice;
    twice.append("host", HeaderValue::from_static("evil.example"));
    assert!(gate.judge(&Method::GET, &"/healthz".parse().unwrap(), &twice).is_err());
}

#[test]
fn a_token_is_asked_for_where_there_is_one() {
    let (open, closed) = (without_token(), with_token());
    let host = ("host", "localhost");
    assert_eq!(judged(&open, Method::GET, "/", &[host]), 200);
    assert_eq!(judged(&closed, Method::GET, "/healthz", &[host]), 200);
    for path in ["/", "/metrics", "/api/v1/specs", "/events", "/login/../", "/LOGIN"] {
        assert_eq!(judged(&closed, Method::GET, path, &[host]), 401, "{path}");
    }
    let bearer = |token: &str| judged(&closed, Method::GET, "/", &[host, ("authorization", &format!("Bearer {token}"))]);
    let right = TOKEN;
    assert_eq!([bearer(right), bearer(&right[1..]), bearer(&format!("{right}x")), bearer("")], [200, 401, 401, 401]);
    let cookie = |session: &str| judged(&closed, Method::GET, "/", &[host, ("cookie", &format!("a=b; {COOKIE}={session}"))]);
    assert_eq!([cookie(&closed.session()), cookie(&with_token().session()), cookie(right)], [200, 401, 401]);
}

#[test]
fn a_change_must_come_from_our_page_or_from_no_page() {
    let gate = without_token();
    let post =
        |pairs: &[(&'static str, &str)]| judged(&gate, Method::POST, "/specs/demo/check", &[&[("host", "localhost:7420")], pairs].concat());
    assert_eq!(post(&[]), 200);
    assert_eq!(post(&[("origin", "http://localhost:7420"), ("sec-fetch-site", "same-origin")]), 200);
    assert_eq!(post(&[("origin", "https://localhost:7420")]), 200);
    for origin in ["null", "http://evil.example", "http://localhost:8080", "http://localhost:7420.evil.example", "localhost:7420", ""] {
        assert_eq!(post(&[("origin", origin)]), 403, "{origin}");
    }
    for site in ["cross-site", "same-site", "none", "odd"] {
        assert_eq!(post(&[("sec-fetch-site", site)]), 403, "{site}");
    }
}

#[test]
fn a_link_may_lead_here_and_nothing_else_of_another_site() {
    let gate = without_token();
    let get = |mode, dest| {
        judged(
            &gate,
            Method::GET,
            "/",
            &[("host", "localhost"), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)],
        )
    };
    assert_eq!(
        [get("navigate", "document"), get("navigate", "iframe"), get("no-cors", "script"), get("cors", "empty")],
        [200, 403, 403, 403]
    );
}

#[test]
fn a_change_through_the_api_needs_a_token_wherever_the_daemon_listens() {
    let (host, bearer) = (("host", "localhost"), ("authorization", &*format!("Bearer {TOKEN}")));
    let ask = |gate: &Gate, method, sent: &[(&'static str, &str)]| judged(gate, method, "/api/v1/check", &[&[host], sent].concat());
    assert_eq!(ask(&without_token(), Method::POST, &[]), 401);
    assert_eq!(ask(&without_token(), Method::POST, &[bearer]), 401, "no text is the token of a daemon that has none");
    assert_eq!(ask(&without_token(), Method::GET, &[]), 200, "who looks needs none");
    assert_eq!(ask(&with_token(), Method::POST, &[bearer]), 200);
}

#[test]
fn the_api_takes_no_forms() {
    let gate = with_token();
    let bearer = format!("Bearer {TOKEN}");
    let post = |sort| {
        let sent = [("host", "localhost"), ("authorization", &*bearer), ("content-type", sort)];
        judged(&gate, Method::POST, "/api/v1/specs/demo/check", &sent)
    };
    assert_eq!([post("application/json; charset=utf-8"), post("text/plain"), post("application/x-www-form-urlencoded")], [200, 415, 415]);
}

#[test]
fn tokens_that_can_be_guessed_are_refused() {
    let long = " correct-horse-battery\n";
    assert!(Token::new(long).unwrap().is(TOKEN, b"key"));
    assert!(!format!("{:?}", Token::new(long)).contains("horse"));
    assert!(Token::new("short").unwrap_err().contains("guessed"));
    assert!(Token::new("a b c d e f g h i j k l").is_err() && Token::new("ääääääääääääääääää").is_err());
}

#[test]
fn the_scheme_of_a_token_is_written_in_any_case() {
    let gate = with_token();
    let ask = |given: &str| judged(&gate, Method::GET, "/api/v1/specs", &[("host", "localhost"), ("authorization", given)]);
    for (given, status) in [("Bearer ", 200), ("bearer ", 200), ("BEARER  ", 200), ("Basic ", 401), ("Bearer", 401), ("", 401)] {
        assert_eq!(ask(&format!("{given}{TOKEN}")), status, "{given}");
    }
}

#[test]
fn of_several_origins_none_counts() {
    let gate = without_token();
    let judge = |others: &[&'static str]| {
        let mut sent = headers(&[("host", "localhost"), ("origin", "http://localhost")]);
        for other in others {
            sent.append(header::ORIGIN, HeaderValue::from_static(other));
        }
        gate.judge(&Method::POST, &"/check".parse().unwrap(), &sent).is_ok()
    };
    assert!(judge(&[]) && !judge(&["http://evil.example"]) && !judge(&["http://localhost"]));
}

#[test]
fn an_address_that_is_no_text_leads_nowhere() {
    let ask = |path| judged(&without_token(), Method::GET, path, &[("host", "localhost")]);
    assert_eq!([ask("/specs/%ff"), ask("/api/v1/specs/%C3%28"), ask("/specs/%C3%A4")], [404, 404, 200]);
}
