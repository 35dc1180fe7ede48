package llmtest

import (
	"io"
	"net/http"
)

// serveModels answers GET /models with a catalogue of OpenRouter's shape.
func serveModels(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"data":[`+
		`{"id":"openai/gpt-4o-mini","canonical_slug":"openai/gpt-4o-mini","name":"OpenAI: GPT-4o-mini","created":1721260800,`+
		`"description":"A small model of OpenAI.","context_length":128000,`+
		`"architecture":{"input_modalities":["text","image"],"output_modalities":["text"],"tokenizer":"GPT"},`+
		`"pricing":{"prompt":"0.00000015","completion":"0.0000006","request":"0","image":"0"},`+
		`"top_provider":{"context_length":128000,"max_completion_tokens":16384,"is_moderated":true},`+
		`"supported_parameters":["max_tokens","temperature"]},`+
		`{"id":"meta-llama/llama-3.1-8b-instruct","canonical_slug":"meta-llama/llama-3.1-8b-instruct",`+
		`"name":"Meta: Llama 3.1 8B Instruct","created":1721692800,"description":"A small open model.","context_length":null,`+
		`"architecture":{"input_modalities":["text"],"output_modalities":["text"],"tokenizer":"Llama3"},`+
		`"pricing":{"prompt":"0.00000002","completion":"0.00000003"},`+
		`"top_provider":{"context_length":null,"max_completion_tokens":null,"is_moderated":false},`+
		`"supported_parameters":["max_tokens","temperature"]},`+
		`{"id":"openrouter/auto","canonical_slug":"openrouter/auto","name":"Auto Router","created":1699401600,`+
		`"description":"Chooses a model.","context_length":2000000,`+
		`"architecture":{"input_modalities":["text"],"output_modalities":["text"],"tokenizer":"Router"},`+
		`"pricing":{"prompt":"-1","completion":"-1"},`+
		`"top_provider":{"context_length":null,"max_completion_tokens":null,"is_moderated":false},`+
		`"supported_parameters":[]}]}`)
}
