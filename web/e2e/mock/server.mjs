// Serves web/dist and made-up answers, for working on the console without a server.
// `node e2e/mock/server.mjs [--fresh] [--port N]`; not a part of the product.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { Refusal, ROUTES } from "./answers.mjs";
import { FAULTS } from "./faults.mjs";
import { emptyState, filledState } from "./state.mjs";

const DIST = join(dirname(fileURLToPath(import.meta.url)), "../../dist");
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};
// Word for word what the real server sends, so that a page that breaks the rule breaks here.
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const compiled = ROUTES.map(([method, path, handler, open]) => ({
  method,
  pattern: new RegExp(`^${path.replace(/:(\w+)/g, "(?<$1>[^/]+)")}$`),
  handler,
  open: open === "open",
}));

export function startMock({ fresh = false, port = 0, fault = null } = {}) {
  const state = fresh ? emptyState() : filledState();
  state.moving = fresh;
  if (fault && !FAULTS[fault]) throw new Error(`there is no fault ${fault}`);
  state.fault = fault ? FAULTS[fault] : {};
  const server = createServer((request, response) => {
    answer(state, request, response).catch((error) => {
      console.error(error);
      response.writeHead(500).end();
    });
  });
  return new Promise((resolve) => {
    server.listen(port, "127.0.0.1", () => {
      const url = `http://127.0.0.1:${server.address().port}`;
      resolve({
        url,
        state,
        stop: () => {
          server.closeAllConnections();
          server.close();
        },
      });
    });
  });
}

async function answer(state, request, response) {
  const url = new URL(request.url, "http://mock");
  response.setHeader("Content-Security-Policy", CSP);
  if (!url.pathname.startsWith("/api/v1/")) return file(url.pathname, state.fault.script, response);
  const path = url.pathname.slice("/api/v1".length);
  if (path === "/events") return live(response);
  const text = await bodyOf(request);
  const signedIn = /godwit=in/.test(request.headers.cookie ?? "");
  for (const { method, pattern, handler, open } of compiled) {
    const match = pattern.exec(path);
    if (method !== request.method || !match) continue;
    if (!open && !signedIn) return problem(response, new Refusal(401, "not_signed_in", "sign in first"));
    if (method !== "GET" && request.headers["godwit-console"] !== "1") {
      return problem(
        response,
        new Refusal(403, "csrf_header_missing", "the header Godwit-Console is missing"),
      );
    }
    if (
      method === "PUT" &&
      /\/(settings|directories|sync-profiles|runbooks|batches)\b/.test(path) &&
      !request.headers["if-match"]
    ) {
      return problem(response, new Refusal(428, "if_match_missing", "the header If-Match is missing"));
    }
    try {
      const json = (request.headers["content-type"] ?? "").includes("json") ? JSON.parse(text) : undefined;
      const signIn = () => response.setHeader("Set-Cookie", "godwit=in; Path=/; HttpOnly");
      const made = handler({
        s: state,
        params: match.groups ?? {},
        query: url.searchParams,
        body: json,
        text,
        signIn,
      });
      const [status, body] = Array.isArray(made) ? made : [200, made];
      response.writeHead(status, { "Content-Type": "application/json" });
      return response.end(body === undefined ? undefined : JSON.stringify(body));
    } catch (error) {
      if (error instanceof Refusal) return problem(response, error);
      throw error;
    }
  }
  return problem(response, new Refusal(404, "not_found", `the mock has no ${request.method} ${path}`));
}

function problem(response, { status, code, message, errors }) {
  response.writeHead(status, { "Content-Type": "application/problem+json" });
  response.end(
    JSON.stringify({
      type: `urn:godwit:problem:${code}`,
      title: "It was not done",
      status,
      code,
      detail: message,
      request_id: "0199mock",
      errors,
    }),
  );
}

function live(response) {
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  response.write('event: resync\ndata: {"topic":"resync","id":""}\n\n');
  const timer = setInterval(() => response.write('event: run\ndata: {"topic":"run","id":""}\n\n'), 1500);
  response.on("close", () => clearInterval(timer));
}

async function file(path, planted, response) {
  const name = extname(path) ? normalize(path) : "/index.html";
  try {
    let bytes = name === "/planted.js" && planted ? planted : await readFile(join(DIST, name));
    if (planted && name === "/index.html") {
      bytes = String(bytes).replace("</body>", '<script src="/planted.js"></script></body>');
    }
    response.writeHead(200, { "Content-Type": TYPES[extname(name)] ?? "application/octet-stream" });
    response.end(bytes);
  } catch {
    response.writeHead(404).end();
  }
}

function bodyOf(request) {
  return new Promise((resolve) => {
    let text = "";
    request.setEncoding("utf8");
    request.on("data", (part) => {
      text += part;
    });
    request.on("end", () => resolve(text));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const at = process.argv.indexOf("--port");
  const mock = await startMock({
    fresh: process.argv.includes("--fresh"),
    port: at > 0 ? Number(process.argv[at + 1]) : 5180,
  });
  console.log(
    `${mock.url}${process.argv.includes("--fresh") ? "/setup#mock-token" : "/sign-in (any name, “correct horse battery”)"}`,
  );
}
