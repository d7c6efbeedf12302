import { assert, describe, it } from "@effect/vitest"
import { EmbeddedBackend, type InferenceBackend } from "@farthing/provider"
import { Effect, Schema, Stream } from "effect"

const readme = `# Tern

[![build](https://ci.example/tern.svg)](https://ci.example/tern) ![logo](logo.png)

Tern is a small database that keeps its tables in plain text files. It was written for
people who want to read their data without any tool. See [the manual](https://tern.example/manual).

## Install

\`\`\`sh
npm install tern
\`\`\`

| command | meaning |
|---|---|
| tern ls | lists the tables |

## How it works

- **Tables** are files, and every row of a table is a line of its file.
- Writers lock the file, so two writers never damage a table.

Queries read the whole file, which is fast for tables of up to a million rows.
Tern was started in 2019 by Ada Byron in Zürich. It is licensed under MIT.
`

const ask = (prompt: string, options?: Partial<InferenceBackend.InferenceRequest>) =>
  Stream.runCollect(
    EmbeddedBackend.make.infer({
      model: EmbeddedBackend.model,
      prompt,
      maxTokens: 200,
      ...options
    })
  ).pipe(
    Effect.map((parts) => ({
      texts: parts.flatMap((part) => (part._tag === "Text" ? [part.text] : [])),
      text: parts.map((part) => (part._tag === "Text" ? part.text : "")).join(""),
      finishes: parts.filter((part) => part._tag === "Finish")
    }))
  )

describe("EmbeddedBackend", () => {
  it.effect("says honestly what it is", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* EmbeddedBackend.make.models, ["extractive-en-1"])
      const error = yield* Effect.flip(ask("Summarise\n\nText.", { model: "llama3.2:1b" }))
      assert.strictEqual(error.reason, "model_unavailable")
    })
  )

  describe("summarising", () => {
    it.effect("gives sentences of the text in its order, without what is no sentence", () =>
      Effect.gen(function* () {
        const { text, texts, finishes } = yield* ask(`Summarise\n\n${readme}`)
        assert.isTrue(
          text.startsWith("Tern is a small database that keeps its tables in plain text files.")
        )
        assert.isAtLeast(texts.length, 3)
        for (const noise of ["npm", "|", "[", "http", "#", "**", "lists the tables"]) {
          assert.notInclude(text, noise)
        }
        const source = readme.replace(/\*\*/g, "").replace(/\s+/g, " ")
        const places = texts.map((sentence) => source.indexOf(sentence.trim()))
        assert.isAtLeast(Math.min(...places), 0)
        assert.deepStrictEqual(
          places,
          places.toSorted((a, b) => a - b)
        )
        assert.strictEqual(finishes.length, 1)
        assert.deepInclude(finishes[0], { reason: "stop" })
      })
    )

    it.effect("counts what it read and wrote in words and punctuation marks", () =>
      Effect.gen(function* () {
        const { text, finishes } = yield* ask("Summarise\n\nThe red fox jumps over a lazy dog.")
        assert.strictEqual(text, "The red fox jumps over a lazy dog.")
        assert.deepInclude(finishes[0], { tokensIn: 9, tokensOut: 9 })
      })
    )

    it.effect("keeps to the tokens allowed: fewer sentences first, then fewer words", () =>
      Effect.gen(function* () {
        const whole = yield* ask(`Summarise\n\n${readme}`, { maxTokens: 40 })
        assert.isTrue(whole.text.endsWith("."))
        assert.deepInclude(whole.finishes[0], { reason: "stop" })
        const cut = yield* ask(`Summarise\n\n${readme}`, { maxTokens: 5 })
        assert.strictEqual(cut.text, "Tern is a small database")
        assert.deepInclude(cut.finishes[0], { reason: "length", tokensOut: 5 })
      })
    )

    it.effect("gives as many sentences as were asked for", () =>
      Effect.gen(function* () {
        for (const [instruction, count] of [
          ["Summarise this in one sentence:", 1],
          ["Please give me a short summary in two sentences", 2],
          ["TL;DR", 3]
        ] as const) {
          const { texts } = yield* ask(`${instruction}\n\n${readme}`)
          assert.strictEqual(texts.length, count, instruction)
        }
      })
    )

    it.effect("takes a long text without an instruction for one to be summed up", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* ask(readme), yield* ask(`Summarise\n\n${readme}`))
      })
    )
  })

  describe("answering", () => {
    it.effect("quotes the sentence that answers, wherever the question stands", () =>
      Effect.gen(function* () {
        const answer = "Tern was started in 2019 by Ada Byron in Zürich."
        for (const prompt of [
          `Who started Tern?\n\n${readme}`,
          `${readme}\nWho started Tern?`,
          "Who started Tern: Tern was started in 2019 by Ada Byron in Zürich. It is free."
        ]) {
          assert.strictEqual((yield* ask(prompt)).text, answer)
        }
      })
    )

    it.effect("matches words in all their forms", () =>
      Effect.gen(function* () {
        const { text } = yield* ask(`What happens when a writer is locking?\n\n${readme}`)
        assert.strictEqual(text, "Writers lock the file, so two writers never damage a table.")
      })
    )

    it.effect("says so where the text does not say", () =>
      Effect.gen(function* () {
        const { text } = yield* ask(`How tall is Everest?\n\n${readme}`)
        assert.include(text, "does not say")
      })
    )

    it.effect("says that it knows nothing but the prompt", () =>
      Effect.gen(function* () {
        const { text, finishes } = yield* ask("What is the capital of France?")
        assert.include(text, "answer a question from a text, that is in the prompt itself")
        assert.deepInclude(finishes[0], { reason: "stop", tokensIn: 7 })
      })
    )

    it.effect("does not pretend to translate or write", () =>
      Effect.gen(function* () {
        const { text } = yield* ask(`Translate to German\n\n${readme}`)
        assert.include(text, "larger model")
      })
    )
  })

  it.effect("ends before a stop sequence, even one that lies across two sentences", () =>
    Effect.gen(function* () {
      const { text } = yield* ask(`Summarise\n\n${readme}`, { stop: ["never", "files. It"] })
      assert.isTrue(text.endsWith("plain text "))
    })
  )

  it.live("comes through whatever is sent to it", () =>
    Effect.forEach(
      [
        "",
        " \n ",
        "\u0000\u0001\uFFFF\uD800",
        "a".repeat(200_000),
        "http://".repeat(20_000),
        "<!--".repeat(20_000),
        "[(".repeat(40_000),
        "(((( ".repeat(20_000),
        "* ".repeat(40_000),
        "x\n".repeat(40_000),
        "Summarise\n" + "日本語のテキスト。これはテストです。".repeat(2_000)
      ],
      (prompt) =>
        ask(prompt, { maxTokens: 30 }).pipe(
          Effect.timeout("20 seconds"),
          Effect.map(({ text, finishes }) => {
            assert.isNotEmpty(text)
            assert.strictEqual(finishes.length, 1)
          })
        )
    )
  )

  it.effect.prop(
    "says the same whenever it is asked the same, within the tokens allowed",
    [Schema.String, Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 60 }))],
    ([prompt, maxTokens]) =>
      Effect.gen(function* () {
        const first = yield* ask(prompt, { maxTokens })
        assert.deepStrictEqual(yield* ask(prompt, { maxTokens }), first)
        const finish = first.finishes[0]
        assert.isAtMost(finish?._tag === "Finish" ? (finish.tokensOut ?? 0) : Infinity, maxTokens)
      }),
    { arbitrary: { runs: 50 } }
  )

  describe("an agent's turn", () => {
    const turn = (memories: ReadonlyArray<string>) =>
      `You are heron (npub1heron), an agent on Nostr that lives on its own money.
Posts what it knows of coins. The farthing was a quarter of a penny. "Wren" was its bird.

Every line of your answer is one action:
POST: <text>
REMEMBER: <what to remember>
NOTHING

What you remember:
${memories.map((text, at) => `m${at}: ${JSON.stringify(text)}`).join("\n")}

Nobody wrote to you.`

    it.effect("is a sentence of what it is for, remembered, and then the next one", () =>
      Effect.gen(function* () {
        const said: Array<string> = []
        for (let tick = 0; tick < 3; tick++) {
          const { text } = yield* ask(turn(said))
          const [, post, memory] = /^POST: (.+?)\s*\nREMEMBER: (.+)$/.exec(text) ?? []
          assert.strictEqual(post, memory)
          assert.notInclude(said, post)
          said.push(post ?? "")
        }
        assert.include(said, "The farthing was a quarter of a penny.")
        assert.strictEqual((yield* ask(turn(said))).text, "NOTHING")
      })
    )
  })
})
