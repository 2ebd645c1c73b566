//! The work of `hello` and `echo` as a wasi:http component, for `wasmtime serve`: reads the body, and
//! answers a greeting on /say and the same bytes on any other path.

use std::io::{Read, Write};

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingBody, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

wasip2::http::proxy::export!(Component);

struct Component;

impl Guest for Component {
    fn handle(request: IncomingRequest, response_out: ResponseOutparam) {
        let greets = request.path_with_query().is_some_and(|path| path == "/say");
        let mut answer = if greets { b"hello ".to_vec() } else { Vec::new() };
        read_body(&request, &mut answer);

        let kind: &[u8] =
            if greets { b"text/plain; charset=utf-8" } else { b"application/octet-stream" };
        let headers = Fields::new();
        headers.set("content-type", &[kind.to_vec()]).expect("a header may be set");
        headers
            .set("content-length", &[answer.len().to_string().into_bytes()])
            .expect("a header may be set");
        let response = OutgoingResponse::new(headers);
        let body = response.body().expect("the first taker");
        ResponseOutparam::set(response_out, Ok(response));
        let mut stream = body.write().expect("the first taker");
        stream.write_all(&answer).expect("the caller listens");
        stream.flush().expect("the caller listens");
        drop(stream);
        OutgoingBody::finish(body, None).expect("all was written");
    }
}

fn read_body(request: &IncomingRequest, into: &mut Vec<u8>) {
    let body = request.consume().expect("the first taker");
    let mut stream = body.stream().expect("the first taker");
    stream.read_to_end(into).expect("the caller sends it whole");
    drop(stream);
    IncomingBody::finish(body);
}
