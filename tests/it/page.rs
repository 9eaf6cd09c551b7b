//! The daemon's page as whoever finds its port sees it: attacks with raw sockets, each refused or harmless.

use crate::support::emulator::free_port;
use crate::support::process::signal;
use crate::support::sandbox::Running;
use crate::support::{Backend, Sandbox, World, on_each_emulator, spec};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

on_each_emulator!(what_others_wrote_is_text_on_the_page, a_plan_that_waits_is_applied_with_one_click);

const TOKEN: &str = "correct-horse-battery-staple";

/// A daemon that serves.
struct Served {
    running: Option<Running>,
    port: u16,
}

/// What came back.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Self { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

impl Served {
    fn start(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let running = sandbox.start(&[&["daemon", "--listen", &listen], arguments].concat());
        let served = Self { running: Some(running), port };
        served.until("it serves", |served| TcpStream::connect(("127.0.0.1", served.port)).is_ok());
        served
    }

    #[track_caller]
    fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(120);
        while !is_so(self) {
            assert!(Instant::now() < deadline, "waited for: {what}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        stream
    }

    /// Sends these bytes and reads until the daemon closes.
    fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        // A daemon that has seen enough closes before everything is sent.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let mut piece = [0; 4096];
        while let Ok(length) = stream.read(&mut piece) {
            if length == 0 {
                break;
            }
            answer.extend_from_slice(&piece[..length]);
        }
        Answer::read(&String::from_utf8_lossy(&answer))
    }

    fn ask(&self, line: &str, headers: &[&str], body: &str) -> Answer {
        let host = if headers.iter().any(|header| header.starts_with("Host:")) {
            String::new()
        } else {
            format!("Host: 127.0.0.1:{}\r\n", self.port)
        };
        let more: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        self.raw(format!("{line} HTTP/1.1\r\n{host}{more}{length}Connection: close\r\n\r\n{body}").as_bytes())
    }

    fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), &[], "")
    }

    /// Sends a form as our own page does.
    fn post(&self, path: &str, headers: &[&str], body: &str) -> Answer {
        self.ask(&format!("POST {path}"), &[headers, &["Content-Type: application/x-www-form-urlencoded"]].concat(), body)
    }

    fn form_token(&self) -> String {
        let page = self.get("/specs/demo").body;
        let (_, rest) = page.split_once("name=\"form_token\" value=\"").unwrap_or_else(|| panic!("no form:\n{page}"));
        rest.split('"').next().unwrap().to_owned()
    }

    fn stop(mut self) {
        let running = self.running.take().unwrap();
        signal(running.pid(), "TERM");
        running.wait().expect(0);
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.running.iter().for_each(|running| signal(running.pid(), "KILL"));
    }
}

fn quiet_spec() -> String {
    format!("{}{}", spec::header(), spec::plain("hash"))
}

/// A daemon that has no cloud: what it serves does not depend on one.
fn alone(arguments: &[&str], variables: &[(&str, &str)]) -> (World, Sandbox, Served) {
    let world = World::without_cloud();
    let mut sandbox = world.sandbox(&quiet_spec());
    variables.iter().for_each(|(key, value)| sandbox.variable(key, value));
    let served = Served::start(&sandbox, arguments);
    (world, sandbox, served)
}

#[test]
fn a_wrong_token_opens_nothing() {
    let (_world, _sandbox, served) = alone(&[], &[("LAMBDO_TOKEN", TOKEN)]);
    for wrong in ["wrong", "", &TOKEN[1..], &format!("{TOKEN}x"), &TOKEN.to_uppercase()] {
        for header in
            [format!("Authorization: Bearer {wrong}"), format!("Authorization: Basic {wrong}"), format!("Cookie: lambdo_session={wrong}")]
        {
            assert_eq!(served.ask("GET /api/v1/specs", &[&header], "").status, 401, "{header}");
            let page = served.ask("GET /specs/demo", &[&header], "");
            assert_eq!((page.status, page.header("location")), (303, Some("/login?to=%2fspecs%2fdemo")), "{header}");
            assert_eq!(served.post("/specs/demo/check", &[&header], "").status, 401, "{header}");
        }
        let login = served.post("/login", &[], &format!("token={wrong}&to=/"));
        assert_eq!((login.status, login.header("set-cookie")), (401, None));
    }
    assert!(!served.get("/login").body.contains("demo"), "it names no spec");
    assert_eq!(served.ask("GET /specs/demo", &[&format!("Authorization: Bearer {TOKEN}")], "").status, 200);
    served.stop();
}

#[test]
fn the_right_token_gives_a_session_that_other_sites_do_not_get() {
    let (_world, _sandbox, served) = alone(&[], &[("LAMBDO_TOKEN", TOKEN)]);
    let login = served.post("/login", &["X-Forwarded-Proto: https"], &format!("token={TOKEN}&to=//evil.example"));
    assert_eq!((login.status, login.header("location")), (303, Some("/")));
    let cookie = login.header("set-cookie").unwrap();
    assert!(["httponly", "samesite=strict", "secure", "path=/"].iter().all(|word| cookie.contains(word)), "{cookie}");
    assert!(!cookie.contains(TOKEN));
    let session = format!("Cookie: {}", cookie.split(';').next().unwrap());
    let page = served.ask("GET /specs/demo", &[&session], "");
    assert_eq!(page.status, 200);
    assert!(!page.body.contains(TOKEN));
    served.stop();
}

#[test]
fn nothing_is_served_to_other_machines_without_a_token() {
    let world = World::without_cloud();
    let mut sandbox = world.sandbox(&quiet_spec());
    sandbox.expect(6, &["daemon", "--listen", "0.0.0.0:0"]).says("--token-file").says("The page would be open to everybody");
    sandbox.write("token", "short\n");
    sandbox.expect(6, &["daemon", "--listen", "0.0.0.0:0", "--token-file", "token"]).says("could be guessed");
    sandbox.expect(6, &["daemon", "--listen", "0.0.0.0:0", "--token-file", "gone"]).says("cannot be read");
    sandbox.expect(6, &["daemon", "--listen", "somewhere"]).says("neither an IP address with a port");
    sandbox.write("token", &format!("{TOKEN}\n"));
    sandbox.variable("LAMBDO_TOKEN_FILE", "token");
    let port = free_port();
    let running = sandbox.start(&["daemon", "--listen", &format!("0.0.0.0:{port}")]);
    let served = Served { running: Some(running), port };
    served.until("it serves", |served| TcpStream::connect(("127.0.0.1", served.port)).is_ok());
    assert_eq!(served.ask("GET /api/v1/specs", &["Host: 192.0.2.1:7420"], "").status, 401);
    assert_eq!(served.ask("GET /specs/demo", &[&format!("Authorization: Bearer {TOKEN}")], "").status, 200);
    served.stop();
}

#[test]
fn a_name_that_somebody_else_owns_is_not_answered() {
    let (_world, _sandbox, served) = alone(&["--host", "lambdo.example.com"], &[]);
    for host in
        ["evil.example", "evil.example:7420", "127.0.0.1.evil.example", "localhost.evil.example", "lambdo.example.com.evil.example", ""]
    {
        for line in ["GET /", "GET /api/v1/specs", "GET /metrics", "GET /events", "POST /check", "GET /style.css"] {
            let answer = served.ask(line, &[&format!("Host: {host}")], "");
            assert_eq!(answer.status, 403, "{line} at {host:?}");
            assert!(!answer.body.contains("demo"), "{}", answer.body);
        }
    }
    assert_eq!(served.raw(b"GET / HTTP/1.0\r\n\r\n").status, 403, "no host at all");
    for host in ["localhost", "lambdo.example.com", "LAMBDO.example.com:443", "[::1]:7420"] {
        assert_eq!(served.ask("GET /", &[&format!("Host: {host}")], "").status, 200, "{host}");
    }
    served.stop();
}

#[test]
fn a_form_of_another_site_does_nothing() {
    let (_world, _sandbox, served) = alone(&[], &[]);
    let token = served.form_token();
    let body = format!("form_token={token}");
    let own = format!("Origin: http://127.0.0.1:{}", served.port);
    for path in ["/check", "/specs/demo/check", "/specs/demo/apply"] {
        for header in [
            "Origin: http://evil.example",
            "Origin: null",
            "Sec-Fetch-Site: cross-site",
            "Sec-Fetch-Site: same-site",
            "Origin: http://127.0.0.1:1",
        ] {
            assert_eq!(served.post(path, &[header], &body).status, 403, "{path} {header}");
        }
        for body in ["", "form_token=", "form_token=0000", &format!("form_token={token}0"), "x=1"] {
            assert_eq!(served.post(path, &[&own], body).status, 403, "{path} {body}");
        }
        assert_eq!(served.ask(&format!("POST {path}"), &[&own, "Content-Type: text/plain"], &body).status, 415, "{path}");
        assert_eq!(served.get(path).status, 405, "a link does nothing");
    }
    let frame = served.ask("GET /specs/demo", &["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"], "");
    assert_eq!(frame.status, 403);
    let answer = served.post("/specs/demo/check", &[&own, "Sec-Fetch-Site: same-origin"], &body);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/specs/demo?told=check")));
    assert_eq!(served.post("/specs/demo/apply", &[&own], &format!("{body}&plan=none")).status, 409, "no plan waits");
    served.stop();
}

#[test]
fn no_address_leads_out_of_the_page() {
    let (_world, sandbox, served) = alone(&[], &[]);
    sandbox.write("secret.txt", "hunter2hunter2");
    let paths = [
        "/../secret.txt",
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/specs/..%2f..%2fsecret.txt",
        "/specs/%2e%2e%2f%2e%2e%2fetc%2fpasswd/history",
        "/specs/demo/logs/..%2f..%2f..%2fsecret.txt",
        "/specs/demo/logs/%00",
        "/style.css/../secret.txt",
        "/style.css%00.txt",
        "//secret.txt",
        "/specs/demo/../../secret.txt",
        "/file:///etc/passwd",
    ];
    for path in paths {
        let answer = served.get(path);
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
        assert!(!answer.body.contains("hunter2") && !answer.body.contains("root:"), "{path}");
    }
    let broken = served.get("/specs/%ff");
    assert!(matches!(broken.status, 400 | 404), "{}", broken.status);
    served.stop();
}

#[test]
fn requests_that_are_too_large_are_refused_and_the_next_one_is_answered() {
    let (_world, _sandbox, served) = alone(&[], &[]);
    let long = "x".repeat(100_000);
    // Who is still sending when the daemon closes may not get to read why.
    let is_refused = |answer: &Answer, status| assert!([0, status].contains(&answer.status), "{}", answer.head);
    is_refused(&served.ask("GET /", &[&format!("X-Long: {long}")], ""), 431);
    is_refused(&served.get(&format!("/{long}")), 431);
    let many: Vec<String> = (0..500).map(|number| format!("X-{number}: 1")).collect();
    is_refused(&served.ask("GET /", &many.iter().map(String::as_str).collect::<Vec<_>>(), ""), 431);
    assert_eq!(served.post("/login", &[], &"x".repeat(65 * 1024)).status, 413);
    let endless = format!("POST /check HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n{}", long.repeat(30));
    is_refused(&served.raw(endless.as_bytes()), 413);
    let piece = format!("{:x}\r\n{long}\r\n", long.len());
    let chunked = "POST /check HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    assert_eq!(served.raw(format!("{chunked}{}0\r\n\r\n", piece.repeat(5)).as_bytes()).status, 413);
    for nonsense in ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n"] {
        assert!(matches!(served.raw(nonsense.as_bytes()).status, 0 | 400 | 505), "{nonsense:?}");
    }
    assert_eq!(served.get("/").status, 200);
    served.stop();
}

#[test]
fn who_is_slow_is_left_and_holds_nobody_up() {
    let (_world, _sandbox, served) = alone(&[], &[]);
    let slow: Vec<TcpStream> =
        ["GET / HTTP/1.1\r\nHost: loc", "", "POST /check HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nfo"]
            .iter()
            .map(|begin| {
                let mut stream = served.connect();
                stream.write_all(begin.as_bytes()).unwrap();
                stream
            })
            .collect();
    assert_eq!(served.get("/").status, 200);
    let ends: Vec<String> = slow
        .into_iter()
        .map(|mut stream| {
            let mut text = String::new();
            stream.read_to_string(&mut text).expect("it is closed before the test's patience ends");
            text
        })
        .collect();
    assert!(ends[2].starts_with("HTTP/1.1 408"), "{ends:?}");
    served.stop();
}

#[test]
fn many_connections_are_not_taken_and_leave_room_when_they_go() {
    let (_world, _sandbox, served) = alone(&[], &[]);
    let many: Vec<TcpStream> = (0..300).map(|_| served.connect()).collect();
    served.until("the daemon takes no more", |served| {
        let mut stream = served.connect();
        let _ = stream.write_all(b"GET /style.css HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.read(&mut [0; 64]).unwrap_or(0) == 0
    });
    drop(many);
    served.until("there is room again", |served| served.get("/style.css").status == 200);
    served.stop();
}

#[test]
fn every_answer_keeps_browsers_careful() {
    let (_world, _sandbox, served) = alone(&[], &[]);
    for path in [
        "/",
        "/specs/demo",
        "/specs/gone",
        "/nothing",
        "/style.css",
        "/live.js",
        "/api/v1/nothing",
        "/specs/demo/plan",
        "/specs/demo/history",
    ] {
        let answer = served.get(path);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(
            (answer.header("x-content-type-options"), answer.header("cache-control")),
            (Some("nosniff"), Some("no-store")),
            "{path}"
        );
        assert!(!answer.body.contains(" style=") && !answer.body.contains(" onclick") && !answer.body.contains("<script>"), "{path}");
    }
    assert_eq!(served.get("/api/v1/nothing").header("content-type"), Some("application/json"));
    assert!(served.get("/specs/gone").body.contains("No spec of this name is watched."));
    served.stop();
}

fn what_others_wrote_is_text_on_the_page(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&quiet_spec());
    sandbox.expect(0, &["up", "--yes"]);
    let script = "</code><script>alert(1)</script><img src=x onerror=alert(2)>\"'";
    world.cloud.configure("demo-hash", |call| call.description(script));
    let served = Served::start(&sandbox, &[]);
    served.until("the drift", |served| served.get("/specs/demo").body.contains("description"));
    for path in ["/", "/specs/demo", "/specs/demo/history", "/specs/demo/plan"] {
        let page = served.get(path).body;
        assert!(!page.contains("<script>alert") && !page.contains("<img"), "{path}:\n{page}");
    }
    assert!(served.get("/specs/demo").body.contains("&lt;script&gt;alert(1)"));
    for path in ["/specs/%3Cscript%3Ealert(1)", "/%3Cscript%3E", "/?told=%3Cscript%3E", "/login?to=%22%3E%3Cscript%3E"] {
        assert!(!served.get(path).body.contains("<script>"), "{path}");
    }
    served.stop();
}

fn a_plan_that_waits_is_applied_with_one_click(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&format!("{}\n[daemon]\nmode = \"propose\"\n", quiet_spec()));
    sandbox.expect(0, &["up", "--yes"]);
    world.cloud.configure("demo-hash", |call| call.memory_size(512));
    let served = Served::start(&sandbox, &[]);
    served.until("a plan", |served| served.get("/specs/demo").body.contains("A plan waits for you"));
    let page = served.get("/specs/demo/plan").body;
    assert!(page.contains("512") && page.contains("1 to update"), "{page}");
    let plan = page.split_once("name=\"plan\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
    let own = format!("Origin: http://127.0.0.1:{}", served.port);
    let form = format!("form_token={}&plan={plan}", served.form_token());
    let answer = served.post("/specs/demo/apply", &[&own], &form);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/specs/demo?told=apply")));
    served.until("the end of it", |served| served.get("/specs/demo").body.contains("Nothing drifted."));
    assert_eq!(world.cloud.snapshot()["function.demo-hash"]["memory_size"], 128);
    assert_eq!(served.post("/specs/demo/apply", &[&own], &form).status, 409, "once");
    served.stop();
}
