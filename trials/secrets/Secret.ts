/**
 * A secret in every form in which a careless program may show it. A part of it is a leak too: each
 * form is looked for in pieces of 16, so that 31 characters in a row are found wherever they begin.
 * Forms have no white space: it is taken out of what is searched.
 */
import { Key } from "@farthing/protocol"
import { Redacted } from "effect"

export interface Secret {
  readonly name: string
  readonly forms: ReadonlyArray<Form>
}

export interface Form {
  /** Such as `hex` or `base64 of nsec`. */
  readonly name: string
  /** Each is proof of a leak. */
  readonly pieces: ReadonlyArray<Buffer>
}

/** The 32 bytes of a Nostr key: in hex, in bech32 (NIP-19) and raw. */
export const ofKey = (name: string, key: Key.SecretKey): Secret => ({
  name,
  forms: [
    ...ofHex(name, Redacted.value(key)).forms,
    ...formsOfText("nsec", Redacted.value(Key.formatSecret(key)))
  ]
})

/** 32 bytes in hex, such as a preimage, a seed, or the secret of a wallet's connection. */
export const ofHex = (name: string, hex: string): Secret => {
  const bytes = Buffer.from(hex, "hex")
  return {
    name,
    forms: [
      ...formsOfText("hex", hex),
      { name: "bytes", pieces: [bytes.subarray(0, 16), bytes.subarray(16)] },
      ...formsOfBase64("bytes", bytes),
      listOf("numbers", [...bytes].map(String), ",")
    ]
  }
}

/** The words of a mnemonic; four of them in a row are no accident. */
export const ofMnemonic = (name: string, mnemonic: Redacted.Redacted<string>): Secret => {
  const words = Redacted.value(mnemonic).split(" ")
  return {
    name,
    forms: [
      ...["", "%20", "+", ",", '","', '\\",\\"', "\\n"].flatMap((glue) =>
        [words, words.map((word) => word.toUpperCase())].map((words) =>
          listOf(`words with '${glue}'`, words, glue, 4)
        )
      ),
      ...formsOfBase64("words", Buffer.from(words.join(" ")))
    ]
  }
}

const formsOfText = (name: string, text: string): ReadonlyArray<Form> =>
  [
    { name, text: text.toLowerCase() },
    { name: `upper case ${name}`, text: text.toUpperCase() }
  ].flatMap(({ name, text }) => [
    { name, pieces: piecesOf(text) },
    ...formsOfBase64(name, Buffer.from(text))
  ])

/** Wherever it stands in what is encoded, it stands at one of three places of a group. */
const formsOfBase64 = (of: string, bytes: Buffer): ReadonlyArray<Form> =>
  [0, 1, 2].flatMap((before) => {
    const whole = Buffer.concat([Buffer.alloc(before), bytes])
    const end = whole.length - (whole.length % 3)
    const inner = whole.subarray(before === 0 ? 0 : 3, end)
    return (["base64", "base64url"] as const).map((encoding) => ({
      name: `${encoding} of ${of}`,
      pieces: piecesOf(inner.toString(encoding))
    }))
  })

const piecesOf = (text: string): ReadonlyArray<Buffer> =>
  Array.from({ length: Math.floor(text.length / 16) }, (_, index) =>
    Buffer.from(text.slice(index * 16, index * 16 + 16))
  )

/** So many items in a row are enough. */
const listOf = (name: string, items: ReadonlyArray<string>, comma: string, enough = 8): Form => ({
  name,
  pieces: Array.from({ length: Math.floor(items.length / enough) }, (_, index) =>
    Buffer.from(items.slice(index * enough, (index + 1) * enough).join(comma))
  )
})
