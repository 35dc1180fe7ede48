package llm

import (
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
)

// composition is an answer of the demo model before it is sent.
type composition struct {
	reasoning, text []string // words
	chance          *rand.Rand
}

// compose makes the answer to a history, always the same to the same.
func compose(history []wireMessage) composition {
	sum := fnv.New64a()
	for _, message := range history {
		_, _ = io.WriteString(sum, string(message.Role)+"\x00"+message.Content+"\x00")
	}
	chance := rand.New(rand.NewPCG(sum.Sum64(), 0)) //nolint:gosec // to be foreseen is the point
	c := composer{question: understand(history), chance: chance}
	made := composition{chance: chance}
	if wantsTitle(history) {
		made.text = words(title(history))
		return made
	}
	if c.wantsThought {
		made.reasoning = words(c.reasoning())
	}
	made.text = words(c.answer())
	return made
}

type composer struct {
	question
	chance *rand.Rand
}

func (c composer) pick(phrases ...string) string {
	return phrases[c.chance.IntN(len(phrases))]
}

func (c composer) answer() string {
	parts := []string{c.opening()}
	if c.wantsList {
		parts = append(parts, c.list())
	}
	if c.wantsCode {
		parts = append(parts, c.code())
	}
	return strings.Join(append(parts, c.place(), c.closing()), "\n\n")
}

func (c composer) opening() string {
	hello := ""
	if c.greets {
		hello = c.pick("Hello! ", "Hi there! ", "Good to see you! ")
	}
	switch {
	case c.text == "":
		return "I got nothing to read, so there is little that I can say. I am Dreamchat's built-in demo model."
	case c.small() && c.thanks:
		return hello + c.pick("You are welcome!", "My pleasure!", "Any time!") +
			" It is easy work for me: I am Dreamchat's built-in demo model."
	case c.small():
		return hello + c.pick(
			"I am Dreamchat's built-in demo model. Ask me anything, and watch how the answer arrives.",
			"You are talking to Dreamchat's built-in demo model. Write something, and I will show you how answers arrive here.")
	case c.asksWho:
		return hello + "I am Dreamchat's built-in demo model: no neural network, just a few hundred lines that put " +
			"sentences together from your words. I run inside of the server and need neither a key nor the internet."
	case c.wantsList || c.wantsCode:
		return hello + c.ready()
	case c.asks:
		return hello + c.honest()
	default:
		return hello + c.echo()
	}
}

func (c composer) honest() string {
	return fmt.Sprintf(c.pick(
		"You ask about “%s”. I would have to guess: I am only Dreamchat's built-in demo model. I can read your words, "+
			"but I do not know anything about them, and I would rather say so than make something up.",
		"“%s” is a question for a real model. I am only Dreamchat's built-in demo model: I form sentences from your "+
			"words, and knowing the answer is beyond me.",
		"About “%s” I cannot know anything, I am afraid. I am only Dreamchat's built-in demo model, here to show how an "+
			"answer streams, is saved, and can be picked up again where it was left."), c.topic)
}

func (c composer) echo() string {
	return fmt.Sprintf(c.pick(
		"So this is about “%s”. I am Dreamchat's built-in demo model, so instead of thoughts of my own you get yours "+
			"back, in a well-formed answer.",
		"I take it that “%s” is on your mind. A real model would have something to say about it; I am Dreamchat's "+
			"built-in demo model and only show how it would reach you.",
		"“%s”: noted. I am Dreamchat's built-in demo model. I understand the shape of what you write, not what it "+
			"means."), c.topic)
}

func (c composer) ready() string {
	return fmt.Sprintf(c.pick(
		"Gladly. I am Dreamchat's built-in demo model and know nothing of “%s”, but its shape I can show you.",
		"Here is how an answer about “%s” would be laid out. What stands in it is made up of your own words, since "+
			"I am only Dreamchat's built-in demo model.",
	), c.topic)
}

func (c composer) list() string {
	if c.wantsSteps {
		return fmt.Sprintf("1. **Ask.** You did: “%s”.\n"+
			"2. **Stream.** These words arrive one by one, each with a number.\n"+
			"3. **Resume.** If the connection drops, the stream goes on after the last number that you have.\n"+
			"4. **Keep.** When I am done, the whole answer stands in your chat.", c.topic)
	}
	return fmt.Sprintf("- **What you asked for:** “%s”\n"+
		"- **How long that was:** %s\n"+
		"- **What I can do with it:** repeat it, lay it out and send it piece by piece\n"+
		"- **What it takes to answer it:** a real model", c.topic, count(len(strings.Fields(c.text)), "word"))
}

func (c composer) code() string {
	said := strconv.Quote("A real model would tell you about " + c.topic + ".")
	switch c.language {
	case "python":
		return "```python\ndef answer() -> str:\n    return " + said + "\n\n\nprint(answer())\n```"
	case "javascript":
		return "```javascript\nfunction answer() {\n  return " + said + ";\n}\n\nconsole.log(answer());\n```"
	case "rust":
		return "```rust\nfn main() {\n    println!(\"{}\", " + said + ");\n}\n```"
	case "bash":
		return "```bash\n#!/usr/bin/env bash\n# What you asked for: " + c.topic + "\necho \"A real model would go on here.\"\n```"
	default:
		return "```go\npackage main\n\nimport \"fmt\"\n\nfunc main() {\n\tfmt.Println(" + said + ")\n}\n```"
	}
}

// place says where in the chat we are, in the words of the user.
func (c composer) place() string {
	if c.turn <= 1 {
		return c.pick("This is the first message of our chat.", "With this our chat begins.", "It is your first message here.")
	}
	return fmt.Sprintf(c.pick(
		"This is message number %d of yours in this chat; the one before it was “%s”.",
		"You have written %d messages in this chat so far. Just before this one you said “%s”.",
	), c.turn, shorten(c.before, 80))
}

func (c composer) closing() string {
	if c.turn > 1 {
		return c.pick(
			"(Still the demo model. With `OPENROUTER_API_KEY` set, a real one takes over.)",
			"(Real models answer here once `OPENROUTER_API_KEY` is set.)")
	}
	return c.pick(
		"To talk to real models, set `OPENROUTER_API_KEY` and start Dreamchat again. Your chats stay as they are.",
		"Real models are one setting away: start Dreamchat with `OPENROUTER_API_KEY`, and everything else stays the same.")
}

func (c composer) reasoning() string {
	parts := []string{
		fmt.Sprintf("The user writes “%s”.", shorten(c.text, 80)),
		fmt.Sprintf("That is %s, and it seems to be about “%s”.", count(len(strings.Fields(c.text)), "word"), c.topic),
	}
	if c.turn > 1 {
		parts = append(parts, fmt.Sprintf("It is message number %d, after “%s”.", c.turn, shorten(c.before, 60)))
	}
	if c.wantsList {
		parts = append(parts, "A list is asked for, so I should lay one out.")
	}
	if c.wantsCode {
		parts = append(parts, "Some code is asked for, so a block of it belongs in the answer.")
	}
	return strings.Join(append(parts,
		"I am the demo model and have no knowledge to draw on.",
		"I should say so plainly, and show how reasoning arrives before the answer."), " ")
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
