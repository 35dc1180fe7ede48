// What a client makes of a stream of answers, over all its connections.
export class Transcript {
  texts = { text: "", reasoning: "" };
  lastId = "";
  complete = undefined;
  faults = [];
  reopened = 0;

  static events = ["message_ack", "stream_chunk", "stream_complete", "stream_error", "stream_reset", "stream_reconnect"];

  apply(name, id, json) {
    if (name === "stream_reconnect") return;
    const number = (text) => text.split(".").map(Number);
    const [attempt, seq] = number(id);
    const [lastAttempt, lastSeq] = number(this.lastId || "0.0");
    if (!(attempt > lastAttempt || (attempt === lastAttempt && seq > lastSeq))) {
      this.fault(`${name} with the id "${id}" follows on "${this.lastId}"`);
    }
    this.lastId = id;
    const data = JSON.parse(json);
    switch (name) {
      case "message_ack":
        return;
      case "stream_chunk":
        if (data.offset !== this.texts[data.kind].length) {
          this.fault(`${id} begins at ${data.offset}, but there are ${this.texts[data.kind].length} units`);
        }
        this.texts[data.kind] = this.texts[data.kind].slice(0, data.offset) + data.chunk;
        return;
      case "stream_complete":
        this.complete = { length: data.length, sha256: data.sha256 };
        return;
      default:
        this.fault(`${name} after "${this.lastId}": ${json}`);
    }
  }

  fault(what) {
    if (this.faults.length < 5) this.faults.push(what);
  }

  async reading(name) {
    const { complete, faults, reopened } = this;
    return { name, text: await proof(this.texts.text), reasoning: await proof(this.texts.reasoning), complete, faults, reopened };
  }
}

export async function proof(text) {
  const { subtle } = globalThis.crypto ?? (await import("node:crypto")).webcrypto;
  const digest = new Uint8Array(await subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return { length: text.length, sha256: Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") };
}
