import { assert, describe, it } from "@effect/vitest"
import { Option, Schema } from "effect"
import { AgentMessage, Bolt11, Key, Msat, NostrEvent } from "../src/index.ts"

const hex = (digit: string) => digit.repeat(64)
const requestId = Schema.decodeSync(NostrEvent.EventId)(hex("a"))

const parse = (message: unknown) => AgentMessage.parse(JSON.stringify(message))

describe("The messages that programs in the wild send", () => {
  const legacy: ReadonlyArray<AgentMessage.AgentMessage> = [
    {
      type: "ServiceAnnouncement",
      kind: 5050,
      price_msats: Msat.make(10_000),
      spark_address: "sp1pgss9qqq",
      network: "regtest",
      provider_pubkey: Schema.decodeSync(Key.PublicKey)(hex("b")),
      models: ["llama3.2:1b"],
      capabilities: ["text-generation"]
    },
    {
      type: "JobRequest",
      kind: 5050,
      prompt: "Summarize the latest Bitcoin news",
      max_tokens: 500,
      target_provider: Schema.decodeSync(Key.PublicKey)(hex("b"))
    },
    {
      type: "Invoice",
      job_id: "job-123",
      bolt11: "lnbcrt100n1",
      amount_msats: Msat.make(5_000),
      payment_hash: Schema.decodeSync(Bolt11.PaymentHash)(hex("c"))
    },
    { type: "PaymentSent", job_id: "job-123", payment_id: "payment-456" },
    { type: "JobResult", job_id: "job-123", result: "Here is a summary…" },
    { type: "StreamChunk", job_id: "job-123", chunk: "Here", is_final: false },
    {
      type: "HtlcLocked",
      job_id: "job-123",
      payment_hash: Schema.decodeSync(Bolt11.PaymentHash)(hex("c")),
      amount_msats: Msat.make(5_000),
      expiry_secs: 3_600
    },
    {
      type: "PreimageRelease",
      job_id: "job-123",
      preimage: Schema.decodeSync(Bolt11.Preimage)(hex("d"))
    }
  ]

  for (const message of legacy) {
    it(`${message.type} is read as it stands and written back the same`, () => {
      assert.deepStrictEqual(parse(message), Option.some(message))
      assert.deepStrictEqual(JSON.parse(AgentMessage.stringify(message)), message)
    })
  }

  it("null means missing, as Rust's serde writes it", () => {
    assert.deepStrictEqual<unknown>(
      parse({ type: "JobRequest", kind: 5050, prompt: "hi", max_tokens: 5, target_provider: null }),
      Option.some({ type: "JobRequest", kind: 5050, prompt: "hi", max_tokens: 5 })
    )
    assert.deepStrictEqual<unknown>(
      parse({
        type: "Invoice",
        job_id: "j",
        bolt11: "lnbcrt1",
        amount_msats: 1,
        payment_hash: null,
        request_id: null
      }),
      Option.some({ type: "Invoice", job_id: "j", bolt11: "lnbcrt1", amount_msats: 1 })
    )
  })

  it("fields that nobody knows are left out", () => {
    assert.deepStrictEqual<unknown>(
      parse({ type: "PaymentSent", job_id: "j", payment_id: "p", mood: "good", __proto: 1 }),
      Option.some({ type: "PaymentSent", job_id: "j", payment_id: "p" })
    )
  })
})

describe("What is no message is skipped", () => {
  const invoice = { type: "Invoice", job_id: "j", bolt11: "lnbcrt1", amount_msats: 1 }

  it.each([
    ["no JSON", "hello there"],
    ["an empty content", ""],
    ["an array", "[]"],
    ["null", "null"],
    ["a type that nobody knows", JSON.stringify({ ...invoice, type: "Invoices" })],
    ["no type", JSON.stringify({ ...invoice, type: undefined })],
    ["a type in an array", JSON.stringify({ ...invoice, type: ["Invoice"] })],
    ["no amount", JSON.stringify({ ...invoice, amount_msats: null })],
    ["an amount below zero", JSON.stringify({ ...invoice, amount_msats: -1 })],
    ["half a millisatoshi", JSON.stringify({ ...invoice, amount_msats: 0.5 })],
    ["an amount in a string", JSON.stringify({ ...invoice, amount_msats: "1" })],
    ["more than all there is", JSON.stringify({ ...invoice, amount_msats: 2 ** 53 })],
    ["an infinite amount", '{"type":"Invoice","job_id":"j","bolt11":"b","amount_msats":1e999}'],
    ["a job id without end", JSON.stringify({ ...invoice, job_id: "j".repeat(257) })],
    ["a hash that is none", JSON.stringify({ ...invoice, payment_hash: "abc" })],
    ["a hash with a line feed", JSON.stringify({ ...invoice, payment_hash: `${hex("c")}\n` })],
    ["a settlement that nobody knows", JSON.stringify({ ...invoice, settlement: "later" })],
    ["brackets without end", "[".repeat(60_000)]
  ])("%s", (_, content) => {
    assert.isTrue(Option.isNone(AgentMessage.parse(content)))
  })

  it("and the same message without the fault is read", () => {
    assert.isTrue(Option.isSome(parse(invoice)))
  })
})

describe("Every message", () => {
  it.prop(
    "survives the wire",
    [AgentMessage.AgentMessage],
    ([message]) => {
      assert.deepStrictEqual(
        AgentMessage.parse(AgentMessage.stringify(message)),
        Option.some(message)
      )
    },
    { arbitrary: { runs: 200 } }
  )

  it.prop(
    "never writes null",
    [AgentMessage.AgentMessage],
    ([message]) => {
      const written: Record<string, unknown> = JSON.parse(AgentMessage.stringify(message))
      assert.isFalse(Object.values(written).includes(null))
    },
    { arbitrary: { runs: 100 } }
  )

  it.prop(
    "any text is a message or none, never an error",
    [Schema.String],
    ([content]) => {
      assert.isTrue(Option.isOption(AgentMessage.parse(content)))
    },
    { arbitrary: { runs: 200 } }
  )
})

describe("The words of a job", () => {
  const request = { type: "JobRequest", kind: 5050, prompt: "hi", max_tokens: 5 } as const

  it("a job is named after its request", () => {
    assert.strictEqual(AgentMessage.jobIdOf(requestId), `job_${"a".repeat(16)}`)
  })

  it("a request without settlement is settled upfront", () => {
    assert.deepStrictEqual(AgentMessage.settlementsOf(request), ["upfront"])
  })

  it("settlements keep their order, and unknown ones are left out", () => {
    assert.deepStrictEqual(
      AgentMessage.settlementsOf({ ...request, settlement: ["sealed", "barter", "upfront"] }),
      ["sealed", "upfront"]
    )
  })

  it("an error code that nobody knows means that the inference failed", () => {
    assert.strictEqual(AgentMessage.jobErrorCode("over_capacity"), "over_capacity")
    assert.strictEqual(AgentMessage.jobErrorCode("coffee_break"), "inference_failed")
  })
})
