import { assert, describe, it } from "@effect/vitest"
import { Option, Result, Schema } from "effect"
import { Announcement, Key, Msat, Network, NostrEvent, Settlement } from "../src/index.ts"

const now = 1_800_000_000
const day = 86_400
const channel = Schema.decodeSync(NostrEvent.EventId)("c".repeat(64))
const provider = Schema.decodeSync(Key.PublicKey)(
  "3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d"
)

const event = (fields: Partial<NostrEvent.NostrEvent> = {}): NostrEvent.NostrEvent => ({
  id: Schema.decodeSync(NostrEvent.EventId)("1".repeat(64)),
  sig: Schema.decodeSync(NostrEvent.Signature)("2".repeat(128)),
  pubkey: provider,
  kind: Announcement.kind,
  created_at: now - 60,
  tags: [],
  content: "",
  ...fields
})

/** What a legacy provider sends at least. */
const bare = [
  ["handler", "compute_provider"],
  ["channel", channel]
]

const read = (fields: Partial<NostrEvent.NostrEvent>) =>
  Result.getOrThrow(Announcement.fromEvent(event(fields), now))

const refusal = (fields: Partial<NostrEvent.NostrEvent>) =>
  Result.match(Announcement.fromEvent(event(fields), now), {
    onFailure: (error) => error.message,
    onSuccess: () => "taken"
  })

const ours: Announcement.Announcement = {
  identifier: "farthing",
  name: "Ada's node",
  about: "A small model on a small machine",
  picture: Option.some("https://example.com/ada.png"),
  lud16: Option.some("ada@example.com"),
  channel,
  relays: ["wss://relay.example.com", "ws://127.0.0.1:7777"],
  network: Option.some("regtest"),
  price: Option.some(Msat.make(10_000)),
  models: ["llama3.2:1b", "llama3.2:3b"],
  modelPrices: { "llama3.2:3b": Msat.make(25_000) },
  kinds: [5050],
  capabilities: ["text-generation"],
  settlements: ["upfront", "escrow"],
  tagsAnswers: true,
  online: true,
  expiresAt: Option.some(now + 1_800)
}

describe("What we announce", () => {
  it("has every tag that standard and legacy readers look for", () => {
    assert.deepStrictEqual(Announcement.toTemplate(ours, now), {
      kind: 31_990,
      created_at: now,
      tags: [
        ["d", "farthing"],
        ["k", "5050"],
        ["handler", "compute_provider"],
        ["capability", "text-generation"],
        ["price", "10000", "per-request", "msats"],
        ["channel", channel],
        ["relay", "wss://relay.example.com"],
        ["relay", "ws://127.0.0.1:7777"],
        ["network", "regtest"],
        ["model", "llama3.2:1b"],
        ["model", "llama3.2:3b", "25000"],
        ["settlement", "upfront"],
        ["settlement", "escrow"],
        ["tags", "p"],
        ["expiration", String(now + 1_800)]
      ],
      content: JSON.stringify({
        name: "Ada's node",
        about: "A small model on a small machine",
        description: "A small model on a small machine",
        picture: "https://example.com/ada.png",
        lud16: "ada@example.com",
        nip90: { kinds: [5050] }
      })
    })
  })

  it("says so when the provider goes", () => {
    const template = Announcement.toTemplate({ ...ours, online: false }, now)
    assert.deepInclude(template.tags, ["status", "offline"])
    assert.isFalse(read(template).online)
  })

  const word = Schema.Trimmed.check(Schema.isMinLength(1), Schema.isMaxLength(80))
  const words = Schema.UniqueArray(word).check(Schema.isMaxLength(5))

  it("gives a price to the models that cost something else, and to no other", () => {
    const { tags } = Announcement.toTemplate(
      {
        ...ours,
        price: Option.some(Msat.make(5)),
        models: ["a", "b", "c", "constructor"],
        modelPrices: { b: Msat.make(5), c: Msat.make(0), d: Msat.make(7) }
      },
      now
    )
    assert.deepStrictEqual(
      tags.filter(([name]) => name === "model"),
      [
        ["model", "a"],
        ["model", "b"],
        ["model", "c", "0"],
        ["model", "constructor"]
      ]
    )
  })

  const settlementTags = (rails: ReadonlyArray<Settlement.Rail>) =>
    Announcement.toTemplate(
      { ...ours, settlements: ["upfront", "escrow", "sealed"], rails },
      now
    ).tags.filter(([name]) => name === "settlement")

  it("names the rails of an escrow after it, but not where Lightning is all there is", () => {
    assert.deepStrictEqual(settlementTags(["lightning"])[1], ["settlement", "escrow"])
    assert.deepStrictEqual(settlementTags(["spark", "lightning"]), [
      ["settlement", "upfront"],
      ["settlement", "escrow", "spark", "lightning"],
      ["settlement", "sealed"]
    ])
  })

  it("has no escrow that can be used on rails that nobody knows", () => {
    const template = Announcement.toTemplate({ ...ours, settlements: ["escrow", "upfront"] }, now)
    const strange = read({
      ...template,
      tags: template.tags.map((tag) => (tag[1] === "escrow" ? [...tag, "tram"] : tag))
    })
    assert.deepStrictEqual(strange.rails, [])
    assert.deepStrictEqual(Announcement.waysOf(strange), ["upfront"])
  })

  const somePrices = Schema.Array(Schema.UndefinedOr(Msat.Msat)).check(Schema.isMaxLength(5))

  it.prop(
    "is read back as it was",
    {
      identifier: word,
      name: word,
      about: Schema.Trimmed,
      price: Schema.Option(Msat.Msat),
      network: Schema.Option(Network.Network),
      models: words,
      prices: somePrices,
      capabilities: words,
      settlements: Schema.UniqueArray(Settlement.Settlement).check(Schema.isMinLength(1)),
      rails: Schema.UniqueArray(Settlement.Rail).check(Schema.isMinLength(1)),
      tagsAnswers: Schema.Boolean,
      online: Schema.Boolean
    },
    ({ prices, ...fields }) => {
      const general = Option.getOrUndefined(fields.price)
      const modelPrices = Object.fromEntries(
        fields.models.flatMap((model, index) => {
          const own = prices[index]
          return own === undefined || own === general ? [] : [[model, own] as const]
        })
      )
      const announcement: Announcement.Announcement = { ...ours, ...fields, modelPrices }
      const {
        event: _event,
        provider: _provider,
        unpriced,
        ...back
      } = read(Announcement.toTemplate(announcement, now))
      const rails = fields.settlements.includes("escrow") ? fields.rails : ["lightning"]
      assert.deepStrictEqual(back, { ...announcement, rails })
      assert.deepStrictEqual(unpriced, [])
    },
    { arbitrary: { runs: 200 } }
  )
})

describe("What others announce", () => {
  it("needs no more than the handler tag and a channel", () => {
    const announced = read({ tags: bare })
    assert.strictEqual(announced.identifier, "")
    assert.strictEqual(announced.name, "npub180cvv07…h6w6")
    assert.deepStrictEqual(announced.price, Option.none())
    assert.deepStrictEqual(announced.network, Option.none())
    assert.deepStrictEqual(announced.kinds, [5050])
    assert.deepStrictEqual(announced.settlements, ["upfront"])
    assert.isTrue(announced.online)
    assert.isFalse(announced.tagsAnswers)
    assert.strictEqual(announced.provider, provider)
  })

  it("may say what it sells by kind alone", () => {
    const tags = [
      ["k", "5050"],
      ["k", "5100"],
      ["channel", channel]
    ]
    assert.deepStrictEqual(read({ tags }).kinds, [5050, 5100])
  })

  it.each([
    ["about", { about: "words" }],
    ["description", { description: "words" }],
    ["an empty about", { about: "", description: "words" }]
  ])("describes itself in %s", (_, content) => {
    assert.strictEqual(read({ tags: bare, content: JSON.stringify(content) }).about, "words")
  })

  it("names models in tags, in the content, or both", () => {
    assert.deepStrictEqual(
      read({
        tags: [...bare, ["model", "a"], ["model", "b"]],
        content: JSON.stringify({ models: ["b", "c", 5, null] })
      }).models,
      ["a", "b", "c"]
    )
  })

  it("is named by its identifier if the content names nobody", () => {
    assert.strictEqual(read({ tags: [...bare, ["d", "ada"]] }).name, "ada")
    assert.strictEqual(read({ tags: [...bare, ["d", "ada"]], content: "no JSON" }).name, "ada")
    assert.strictEqual(
      read({ tags: [...bare, ["d", "ada"]], content: '{"name":null}' }).name,
      "ada"
    )
  })

  it("lists relays, of which only those that can be dialled are kept", () => {
    assert.deepStrictEqual(
      read({
        tags: [
          ...bare,
          ["relay", "wss://one.example"],
          ["relay", "https://two.example"],
          ["relay", "wss://"],
          ["relay", "javascript:alert(1)"],
          ["relays", "ws://three.example", "wss://one.example"]
        ]
      }).relays,
      ["wss://one.example", "ws://three.example"]
    )
  })

  it("tags its answers only if it also has an identifier", () => {
    assert.isFalse(read({ tags: [...bare, ["tags", "p"]] }).tagsAnswers)
    assert.isTrue(read({ tags: [...bare, ["d", "x"], ["tags", "p"]] }).tagsAnswers)
    assert.isTrue(read({ tags: [...bare, ["d", ""], ["tags", "e", "p"]] }).tagsAnswers)
    assert.isFalse(read({ tags: [...bare, ["d", "x"], ["tags", "e"]] }).tagsAnswers)
  })

  it("settlements that nobody knows are left out", () => {
    assert.deepStrictEqual(
      read({ tags: [...bare, ["settlement", "barter"], ["settlement", "sealed"]] }).settlements,
      ["sealed"]
    )
  })

  it("endless names and lists are cut", () => {
    const announced = read({
      tags: [...bare, ...Array.from({ length: 500 }, (_, index) => ["model", `m${index}`])],
      content: JSON.stringify({ name: "n".repeat(10_000), about: "a".repeat(10_000) })
    })
    assert.strictEqual(announced.models.length, 100)
    assert.strictEqual(announced.name.length, 100)
    assert.strictEqual(announced.about.length, 2_000)
  })
})

describe("The price", () => {
  it.each<[string, ReadonlyArray<string>, number]>([
    ["ours", ["price", "10000", "per-request", "msats"], 10_000],
    ["without unit and currency", ["price", "10000"], 10_000],
    ["without currency", ["price", "10000", "per-request"], 10_000],
    ["without unit", ["price", "10000", "msats"], 10_000],
    ["in sats", ["price", "10", "per-request", "sats"], 10_000],
    ["in sats without unit", ["price", "10", "sats"], 10_000],
    ["called pricing", ["pricing", "10000", "msats"], 10_000],
    ["called amount", ["amount", "10000"], 10_000],
    ["free", ["price", "0", "per-request", "msats"], 0],
    ["the most there is", ["price", "9007199254740991"], Number.MAX_SAFE_INTEGER]
  ])("%s", (_, tag, msats) => {
    assert.deepStrictEqual(read({ tags: [...bare, tag] }).price, Option.some(Msat.make(msats)))
  })

  it.each<[string, ReadonlyArray<string>]>([
    ["missing", ["prices", "1"]],
    ["empty", ["price", ""]],
    ["without number", ["price"]],
    ["per token", ["price", "10", "per-token", "msats"]],
    ["per thousand tokens", ["price", "10", "per-1k-tokens", "msats"]],
    ["in dollars", ["price", "10", "per-request", "usd"]],
    ["in two currencies", ["price", "10", "msats", "sats"]],
    ["in a currency named like a method", ["price", "10", "constructor"]],
    ["negative", ["price", "-1"]],
    ["broken", ["price", "0.5"]],
    ["in powers", ["price", "1e3"]],
    ["in hex", ["price", "0x10"]],
    ["with a space", ["price", " 10"]],
    ["beyond all money", ["price", "9007199254740992"]],
    ["beyond all money in sats", ["price", "9007199254741", "sats"]],
    ["endless", ["price", "9".repeat(400)]]
  ])("%s is unknown, not free", (_, tag) => {
    assert.deepStrictEqual(read({ tags: [...bare, tag] }).price, Option.none())
  })

  it("the first one that is understood counts", () => {
    assert.deepStrictEqual(
      read({ tags: [...bare, ["price", "1", "per-token"], ["price", "7"], ["amount", "9"]] }).price,
      Option.some(Msat.make(7))
    )
  })
})

describe("The price of a model", () => {
  const priceOf = (model: string | undefined, ...tags: ReadonlyArray<ReadonlyArray<string>>) =>
    Option.getOrUndefined(
      Announcement.priceOf(read({ tags: [...bare, ["price", "9"], ...tags] }), model)
    )

  it("is its own, where it has one", () => {
    const tags = [
      ["model", "small"],
      ["model", "large", "70"],
      ["model", "gift", "0"]
    ]
    assert.strictEqual(priceOf("large", ...tags), 70)
    assert.strictEqual(priceOf("gift", ...tags), 0)
    assert.strictEqual(priceOf("small", ...tags), 9)
  })

  it("is the general one where it has none, where it is not listed, and where none is named", () => {
    assert.strictEqual(priceOf("small", ["model", "small"]), 9)
    assert.strictEqual(priceOf("small", ["model", "small", ""]), 9)
    assert.strictEqual(priceOf("other", ["model", "small", "70"]), 9)
    assert.strictEqual(priceOf(undefined, ["model", "small", "70"]), 9)
  })

  it("is its own even if there is no general one", () => {
    const announced = read({ tags: [...bare, ["model", "large", "70"], ["model", "small"]] })
    assert.deepStrictEqual(Announcement.priceOf(announced, "large"), Option.some(Msat.make(70)))
    assert.deepStrictEqual(Announcement.priceOf(announced, "small"), Option.none())
    assert.deepStrictEqual(Announcement.priceOf(announced, undefined), Option.none())
  })

  it.each([
    ["negative", "-1"],
    ["broken", "0.5"],
    ["in powers", "1e3"],
    ["in hex", "0x10"],
    ["with a space", " 10"],
    ["in words", "free"],
    ["in sats", "10 sats"],
    ["beyond all money", "9007199254740992"],
    ["endless", "9".repeat(400)]
  ])("%s is unknown: neither free nor the general one", (_, amount) => {
    const announced = read({ tags: [...bare, ["price", "9"], ["model", "large", amount]] })
    assert.deepStrictEqual(announced.models, ["large"])
    assert.deepStrictEqual(announced.modelPrices, {})
    assert.deepStrictEqual(announced.unpriced, ["large"])
    assert.deepStrictEqual(Announcement.priceOf(announced, "large"), Option.none())
  })

  it("of several, the first that is understood counts", () => {
    const tags = [
      ["model", "large", "dear"],
      ["model", "large"],
      ["model", "large", "70"],
      ["model", "large", "7"]
    ]
    assert.strictEqual(priceOf("large", ...tags), 70)
    assert.deepStrictEqual(read({ tags: [...bare, ...tags] }).unpriced, [])
  })

  it("is not mistaken for what every object has", () => {
    for (const model of ["constructor", "__proto__", "toString"]) {
      assert.strictEqual(priceOf(model), 9)
      assert.strictEqual(priceOf(model, ["model", model]), 9)
      assert.strictEqual(priceOf(model, ["model", model, "70"]), 70)
      assert.isUndefined(priceOf(model, ["model", model, "dear"]))
    }
  })

  it("counts for the models that are kept of an endless list", () => {
    const announced = read({
      tags: [...bare, ...Array.from({ length: 500 }, (_, index) => ["model", `m${index}`, "5"])]
    })
    assert.deepStrictEqual(Object.keys(announced.modelPrices), [...announced.models])
  })
})

describe("What is ignored", () => {
  it.each<[string, Partial<NostrEvent.NostrEvent>]>([
    ["another kind of event", { kind: 31_989, tags: bare }],
    ["an announcement that has expired", { tags: [...bare, ["expiration", String(now)]] }],
    ["one over a week old without expiration", { tags: bare, created_at: now - 7 * day - 1 }],
    [
      "an old one whose expiration is no number",
      {
        tags: [...bare, ["expiration", "never"]],
        created_at: now - 8 * day
      }
    ],
    [
      "handlers of other things",
      {
        tags: [
          ["handler", "wallet"],
          ["channel", channel]
        ]
      }
    ],
    ["no handler and no kind", { tags: [["channel", channel]] }],
    ["other kinds of job", { tags: [...bare, ["k", "5100"]] }],
    ["a network that nobody knows", { tags: [...bare, ["network", "liquid"]] }],
    ["no channel", { tags: [["handler", "compute_provider"]] }],
    [
      "a channel that is no event id",
      {
        tags: [
          ["handler", "compute_provider"],
          ["channel", "lobby"]
        ]
      }
    ],
    ["a content over 64 KiB", { tags: bare, content: "é".repeat(32_769) }]
  ])("%s", (_, fields) => {
    assert.notStrictEqual(refusal(fields), "taken")
  })

  it.each<[string, Partial<NostrEvent.NostrEvent>]>([
    ["one that expires in a second", { tags: [...bare, ["expiration", String(now + 1)]] }],
    [
      "an old one that has not expired",
      {
        tags: [...bare, ["expiration", String(now + 1)]],
        created_at: now - 30 * day
      }
    ],
    ["one that is a week old", { tags: bare, created_at: now - 7 * day }],
    ["a content of 64 KiB", { tags: bare, content: "é".repeat(32_768) }]
  ])("but not %s", (_, fields) => {
    assert.strictEqual(refusal(fields), "taken")
  })

  it.prop(
    "hostile tags and contents never throw",
    [
      Schema.Array(
        Schema.Array(
          Schema.Union([
            Schema.String,
            Schema.Literals(["d", "k", "5050", "price", "relay", "channel", "tags", "network"])
          ])
        )
      ),
      Schema.Union([Schema.String, Schema.fromJsonString(Schema.Json).pipe(Schema.toEncoded)])
    ],
    ([tags, content]) => {
      assert.isTrue(
        Result.isResult(Announcement.fromEvent(event({ tags: [...bare, ...tags], content }), now))
      )
    },
    { arbitrary: { runs: 200 } }
  )
})

describe("Of several announcements", () => {
  const at = (created_at: number, id: string, identifier = "a", pubkey = provider) =>
    read({
      created_at,
      pubkey,
      id: Schema.decodeSync(NostrEvent.EventId)(id.repeat(64)),
      tags: [...bare, ["d", identifier]]
    })
  const other = Schema.decodeSync(Key.PublicKey)("9".repeat(64))

  it("the newest per provider and identifier counts", () => {
    const [old, recent, second, foreign] = [
      at(now - 2, "1"),
      at(now - 1, "2"),
      at(now - 3, "3", "b"),
      at(now - 4, "4", "a", other)
    ]
    assert.deepStrictEqual(Announcement.newest([recent, old, second, foreign]), [
      recent,
      second,
      foreign
    ])
    assert.deepStrictEqual(Announcement.newest([old, recent]), [recent])
  })

  it("of one second the lower id counts, whatever came first", () => {
    const [low, high] = [at(now, "1"), at(now, "2")]
    assert.deepStrictEqual(Announcement.newest([low, high]), [low])
    assert.deepStrictEqual(Announcement.newest([high, low]), [low])
  })
})
