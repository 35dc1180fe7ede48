// Reads {client, streams} as JSON and writes what that client has of the
// streams in the end. Packages are taken from .tools.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { listen, listenAnew } from "./eventsource.mjs";
import { send } from "./fetch.mjs";
import { followAsTold } from "./readme.mjs";

const require = createRequire(new URL("../../../../.tools/package.json", import.meta.url));
const clients = {
  fetch: () => send,
  readme: () => followAsTold,
  eventsource: () => listen.bind(null, require("eventsource").EventSource),
  "eventsource-2": () => listenAnew.bind(null, require("eventsource-2")),
};

const { client, streams } = JSON.parse(readFileSync(0, "utf8"));
const readings = await Promise.all(streams.map(clients[client]()));
process.stdout.write(JSON.stringify(readings));
