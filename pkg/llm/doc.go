// Package llm reaches language models over the wire that OpenAI's chat
// completions made common: OpenRouter, Ollama and others, and the built-in
// demo model, which answers over the same wire without a network. It is an
// adapter of [chat.Provider] and knows nothing of conversations or storage.
package llm
