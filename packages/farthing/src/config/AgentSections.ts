/** What can be said of agents: of every one in `[agent]`, of a single one in `[agents.<name>]`. */
import { Charter } from "@farthing/agent/Charter"
import { BusinessHours } from "@farthing/agent/Heartbeat"
import { Key, NostrEvent } from "@farthing/protocol"
import { Option, Result, Schema } from "effect"
import * as Setting from "./Setting.ts"

const { withDefault, withoutDefault } = Setting

/** What a charter says of its own fields. */
const { about, jitter, trustedNodes } = Charter.fields

const listOf = <A>(
  decode: (item: string) => Option.Option<A>,
  most: number,
  expected: string
): Setting.Kind<ReadonlyArray<A>> => ({
  decode: (value) =>
    Option.flatMap(texts(value), (items) =>
      items.length > most ? Option.none() : Option.all(items.map(decode))
    ),
  expected,
  fromText: Setting.asList
})

const texts = Schema.decodeUnknownOption(Schema.UniqueArray(Schema.String))

const publicKeys = listOf(
  (text) => Result.getSuccess(Key.parsePublic(text)),
  1_000,
  "a list of up to 1,000 public keys (npub1… or hex), each once"
)

const channels = listOf(
  Schema.decodeOption(NostrEvent.EventId),
  20,
  "a list of up to 20 ids of channels (64 hex digits), each once"
)

const days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

/** `mon-fri 09:00-17:00 Europe/Berlin`. */
const businessHours: Setting.Kind<BusinessHours> = {
  decode: (value) => {
    const [, named = "", from, to, timeZone] =
      /^(\S+) (\d\d:\d\d)-(\d\d:\d\d) (\S+)$/.exec(String(value)) ?? []
    return decodeHours({ days: named.split(",").flatMap(daysOf), from, to, timeZone })
  },
  expected:
    'days, hours and a time zone such as "mon-fri 09:00-17:00 Europe/Berlin" or "sat,sun 10:00-12:00 UTC"',
  fromText: Setting.asText
}

const decodeHours = Schema.decodeUnknownOption(BusinessHours)

/** The numbers of `mon` or `fri-mon`; a word that is no day is no number that fits. */
const daysOf = (range: string): ReadonlyArray<number> => {
  const [first = -1, last = first] = range.split("-").map((day) => days.indexOf(day))
  return first < 0 || last < 0
    ? [-1]
    : Array.from({ length: ((last - first + 7) % 7) + 1 }, (_, at) => (first + at) % 7)
}

export const agent = {
  about: withDefault(
    Setting.kind(about, "a text of up to 4,000 characters", Setting.asText),
    "",
    "what it is for; stands in every prompt"
  ),
  heartbeat_seconds: withDefault(Setting.whole(1, 31_536_000), 900, "between two ticks"),
  jitter: withDefault(
    Setting.kind(jitter, "a number from 0 to 0.5", Setting.asNumber),
    0.1,
    "the share of that by which a tick may come earlier or later"
  ),
  business_hours: withoutDefault(
    businessHours,
    "mon-fri 09:00-17:00 UTC",
    "when its heart beats; without it always"
  ),
  triggers: withDefault(
    Setting.someOf(["mention", "dm", "zap", "channel"]),
    ["mention", "dm", "zap"],
    "what starts a tick besides the heartbeat"
  ),
  autonomy: withDefault(
    Setting.oneOf(["supervised", "bounded", "autonomous"]),
    "bounded",
    "supervised, bounded, autonomous"
  ),
  trusted: withDefault(publicKeys, [], "npubs that a bounded agent may write to and pay"),
  trusted_nodes: withDefault(
    Setting.kind(trustedNodes, "a list of up to 1,000 node keys (66 hex digits)", Setting.asList),
    [],
    "node keys whose invoices a bounded agent may pay"
  ),
  channels: withDefault(channels, [], "NIP-28 channels in which it listens and may speak"),
  direct_messages: withDefault(
    Setting.oneOf(["hidden", "shown"]),
    "hidden",
    "whether prompts, which others can read, show their text: hidden, shown"
  ),
  trajectory: withDefault(
    Setting.oneOf(["public", "private", "off"]),
    "public",
    "who may read what it did in its ticks: public, private, off"
  ),
  max_tokens: withDefault(Setting.whole(1, 100_000), 500, "of a thought"),
  model: withoutDefault(
    Setting.text(200),
    "llama3.2:1b",
    "which model thinks; without it whatever is on offer"
  )
}

/** What only a single agent has. */
export const own = {
  account: withoutDefault(
    Setting.whole(1, 2 ** 31 - 1),
    1,
    "of the identity's mnemonic; its key follows from it, and its Spark wallet"
  ),
  nsec_file: withoutDefault(Setting.text(1_000), "alice.nsec", "a key of its own instead"),
  nwc_uri_file: withoutDefault(
    Setting.text(1_000),
    "alice.nwc",
    "a wallet of its own; without it the home's"
  )
}

/** A name has to fit into the name of a variable, and has no blank that a shell would split. */
export const isName = (name: string): boolean => /^[a-z0-9][a-z0-9-]{0,31}$/.test(name)

export const expectedName =
  "a name of up to 32 lower-case letters, digits and -, which does not begin with -"
