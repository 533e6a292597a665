// SPDX-License-Identifier: Apache-2.0
// LibreChat's own client (npm's @librechat/agents), driven by JSON lines: a command each on standard input, an
// answer each on standard output, in the same order.
// Never judges an answer: the tests in Python do. One command at a time.
//
//   LIBRECHAT_CODE_BASEURL=http://127.0.0.1:PORT/v1 NODE drive.cjs DIRECTORY
//
// NODE and DIRECTORY are what `setup` made: node/node_modules/.bin/node and agents-VERSION.
//
// {"do":"invoke","factory":"createBashExecutionTool","params":{...},"args":{"command":"ls"},
//  "files":[...],"session_id":"...","tools":{...},"abort_on_request":1}
//     One call of one tool. `params` goes to the factory, so `baseUrl`, `authHeaders` and `apiKey` stand there;
//     `files` and `session_id` are what a ToolNode would inject. `tools` is for programmatic calls, by name:
//     {"description","parameters","answer":ANY} or {..,"error":"what it throws"}. `abort_on_request` ends the call
//     as a user does, when so many requests were sent.
//     -> {"content","artifact","status","requests":[...],"tool_calls":[{"name","input"}]}
//        or {"error":{"name","message","status","retryable"},"requests":[...],"tool_calls":[...]}
// {"do":"run","tools":[{"factory","params"}],"calls":[{"name","args"}],"sessions":"NAME","seed":{...}}
//     Calls one after the other by a ToolNode, as in a conversation. Maps of sessions are kept by name between
//     commands; a `seed` replaces the entry execute_code of the map.
//     -> {"messages":[{"content","artifact","status","requests":[...]}],"sessions":{KEY:ENTRY}}
// {"do":"send","method","url","params":{...},"headers":{...},"json":ANY,"parts":[{"name","value"} or
//  {"name","file","filename" or "filepath","stream":"known"|"unknown"}]}
//     A request as LibreChat's own code makes it, with axios and form-data. `file` is base64; `stream` says whether
//     the length of the stream can be known.
//     -> {"status","headers","body" (base64),"requests":[...]}
// {"do":"about"} -> {"version","node","factories":[...]}
//
// `requests` has {"method","path","headers","body","answer":{"status","body"}} of each request that was sent, in
// order; a body that is no JSON stands there as text, an answer that has not come whole is absent. A command that is
// not understood is answered with {"problem":"..."}.
'use strict';

const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');

// All of it at once, however large: a write to a descriptor may take a part only.
const say = (answer) => process.stdout.write(JSON.stringify(answer) + '\n');
// The answers have standard output for themselves.
for (const name of ['log', 'info', 'debug', 'warn']) {
  console[name] = (...words) => console.error(...words);
}
for (const name of Object.keys(process.env)) {
  if (/^(https?_|no_|all_)?proxy$/i.test(name)) {
    delete process.env[name];
  }
}

let requests = [];
let onRequest = () => {};

/// Bodies are kept as they are written; the client sends each of them at once, or in a few pieces.
function watch(library) {
  const { request } = library;
  library.request = function (...words) {
    const sent = request.apply(this, words);
    const pieces = [];
    for (const name of ['write', 'end']) {
      const original = sent[name];
      sent[name] = function (piece, ...more) {
        if (typeof piece === 'string' || piece instanceof Uint8Array) {
          pieces.push(Buffer.from(piece));
        }
        return original.call(this, piece, ...more);
      };
    }
    const entry = { method: sent.method, path: sent.path, headers: {}, body: null };
    requests.push(entry);
    // Before the client's own listeners, so that an answer stands here once the client has it.
    sent.once('response', (answer) => {
      const came = [];
      answer.on('data', (piece) => came.push(piece));
      answer.once('end', () => {
        entry.answer = { status: answer.statusCode, body: read(Buffer.concat(came).toString()) };
      });
    });
    sent.once('finish', () => {
      entry.headers = { ...sent.getHeaders() };
      entry.body = read(Buffer.concat(pieces).toString());
      onRequest();
    });
    return sent;
  };
}

function read(text) {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    return text;
  }
}

function fail(why) {
  console.error(`drive.cjs: ${why}`);
  process.exit(2);
}

const place = path.resolve(process.argv[2] ?? fail('name the directory of the package'));
watch(http);
watch(https);
// The package reads a .env where it is started; here is none.
process.chdir(place);
const find = (name) => require.resolve(name, { paths: [place] });
const agents = require(find('@librechat/agents'));
// The same copy of LangChain as the package uses: another one's messages are not messages to it.
const own = (name) => require(require.resolve(name, { paths: [find('@librechat/agents')] }));
const { AIMessage } = own('@langchain/core/messages');
const { tool } = own('@langchain/core/tools');

function make({ factory, params = {} }) {
  if (typeof agents[factory] !== 'function') {
    throw new Error(`the package has no ${factory}`);
  }
  return agents[factory](params);
}

function describe(error) {
  const { name, message, status, retryable } = error ?? {};
  return { name: name ?? typeof error, message: message ?? String(error), status, retryable };
}

const everything = { type: 'object', properties: {} };

/// What a programmatic call is given: the tools that its code may call, which answer what the command says.
function callable(tools, calls) {
  const toolMap = new Map();
  const toolDefs = [];
  for (const [name, { description = name, parameters = everything, answer, error }] of Object.entries(tools)) {
    const run = async (input) => {
      calls.push({ name, input });
      if (error !== undefined) {
        throw new Error(error);
      }
      return answer;
    };
    toolMap.set(name, tool(run, { name, description, schema: parameters }));
    toolDefs.push({ name, description, parameters });
  }
  return { toolMap, toolDefs };
}

async function invoke(command) {
  const one = make(command);
  const calls = [];
  const call = { name: one.name, id: 'call_1', type: 'tool_call', args: command.args ?? {} };
  if (command.files) {
    call._injected_files = command.files;
  }
  if (command.session_id) {
    call.session_id = command.session_id;
  }
  if (command.tools) {
    Object.assign(call, callable(command.tools, calls));
  }
  const stop = new AbortController();
  if (command.abort_on_request) {
    onRequest = () => requests.length >= command.abort_on_request && stop.abort();
  }
  const own_requests = requests;
  try {
    const { content, artifact, status } = await one.invoke(
      call, command.abort_on_request ? { signal: stop.signal } : undefined);
    return { content, artifact, status, requests: own_requests, tool_calls: calls };
  } catch (error) {
    return { error: describe(error), requests: own_requests, tool_calls: calls };
  }
}

const maps = new Map();

async function run(command) {
  const name = command.sessions ?? 'default';
  const sessions = maps.get(name) ?? new Map();
  maps.set(name, sessions);
  if (command.seed) {
    sessions.set('execute_code', { lastUpdated: Date.now(), ...command.seed });
  }
  const node = new agents.ToolNode({ tools: command.tools.map(make), sessions });
  const messages = [];
  for (const [index, { name: called, args = {} }] of command.calls.entries()) {
    requests = [];
    const asked = new AIMessage({
      content: '',
      tool_calls: [{ id: `call_${index + 1}`, name: called, args, type: 'tool_call' }],
    });
    const answered = await node.invoke({ messages: [asked] }, { configurable: { thread_id: 't', run_id: 'r' } });
    const { content, artifact, status } = (answered.messages ?? answered)[0];
    messages.push({ content, artifact, status, requests });
  }
  return { messages, sessions: Object.fromEntries(sessions) };
}

async function send({ method, url, params, headers, json, parts }) {
  const axios = require(find('axios'));
  const FormData = require(find('form-data'));
  const { Readable } = require('node:stream');
  const options = { method, url, params, headers: { ...headers }, data: json };
  const own_requests = requests;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'drive-'));
  try {
    if (parts) {
      options.data = new FormData();
      parts.forEach(({ name, value, file, filename, filepath, stream }, index) => {
        const named = filepath === undefined ? { filename } : { filepath };
        if (file === undefined) {
          options.data.append(name, value);
          return;
        }
        const bytes = Buffer.from(file, 'base64');
        if (stream === 'unknown') {
          options.data.append(name, Readable.from(bytes.length ? [bytes] : [], { objectMode: false }), named);
          return;
        }
        const place = path.join(folder, String(index));
        fs.writeFileSync(place, bytes);
        options.data.append(name, fs.createReadStream(place), named);
      });
      Object.assign(options.headers, options.data.getHeaders());
    }
    const { status, headers: came, data } = await axios({
      ...options,
      // As LibreChat, which keeps no connections.
      httpAgent: new http.Agent({ keepAlive: false }),
      responseType: 'arraybuffer',
      maxBodyLength: Infinity,
      validateStatus: () => true,
    });
    return { status, headers: { ...came }, body: Buffer.from(data).toString('base64'), requests: own_requests };
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

function about() {
  const { version } = JSON.parse(
    fs.readFileSync(path.join(place, 'node_modules/@librechat/agents/package.json'), 'utf8'));
  const factories = Object.keys(agents).filter((name) => /^create\w*Tool$/.test(name));
  return { version, node: process.version, factories };
}

const commands = { invoke, run, send, about };

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    requests = [];
    onRequest = () => {};
    try {
      const command = JSON.parse(line);
      const answer = commands[command.do];
      say(answer ? await answer(command) : { problem: `there is no command ${command.do}` });
    } catch (error) {
      say({ problem: `${error?.stack ?? error}` });
    }
  }
  // The package keeps timers that would hold the process.
  process.exit(0);
}

main();
