//! A function in an image that has nothing but this program: it tells what it sees.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;

fn main() {
    loop {
        let next = call("GET", "next", "");
        let header =
            |name: &str| next.lines().find_map(|line| line.to_lowercase().starts_with(name).then(|| line[name.len()..].trim().to_owned()));
        let id = header("lambda-runtime-aws-request-id:").expect("a request id");
        let event = next.split("\r\n\r\n").nth(1).unwrap_or_default();
        println!("saw {event}");
        call("POST", &format!("{id}/response"), &answer(event));
    }
}

fn call(method: &str, path: &str, body: &str) -> String {
    let authority = std::env::var("AWS_LAMBDA_RUNTIME_API").expect("the Runtime API's address");
    let mut stream = TcpStream::connect(&authority).expect("the Runtime API");
    let head = format!("{method} /2018-06-01/runtime/invocation/{path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close");
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).expect("the Runtime API listens");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the Runtime API answers");
    answer
}

fn answer(event: &str) -> String {
    let mut root: Vec<String> = fs::read_dir("/").unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    root.sort();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
    let can = |path: &str| File::create(path).is_ok();
    let sees = |path: &str| fs::metadata(path).is_ok();
    format!(
        "{{\"event\":{event},\"arguments\":{:?},\"folder\":{:?},\"root\":{root:?},\"variables\":{:?},\"capabilities\":{:?},\
         \"writes\":{{\"root\":{},\"tmp\":{},\"null\":{},\"proc\":{}}},\"sees\":{{\"first\":{},\"up\":{},\"shell\":{},\"random\":{}}},\"more\":{:?}}}",
        std::env::args().collect::<Vec<_>>(),
        std::env::current_dir().unwrap(),
        std::env::vars().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
        line("CapEff:"),
        can("/evil"),
        can("/tmp/fine"),
        fs::write("/dev/null", "gone").is_ok(),
        fs::write("/proc/sys/kernel/hostname", "evil").is_ok(),
        sees("/proc/1/root/etc/passwd"),
        sees("/../../../etc/passwd"),
        sees("/bin/sh"),
        File::open("/dev/urandom").is_ok(),
        fs::read_to_string("/more/mark").unwrap_or_default(),
    )
}
