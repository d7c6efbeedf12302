/**
 * A self-signed certificate for `localhost` (X.509 v3, RFC 5280), made anew for every start: the
 * operators' protocol is never spoken without TLS.
 */
import { Clock, Effect } from "effect"
import type { KeyObject } from "node:crypto"
import { generateKeyPairSync, randomBytes, sign } from "node:crypto"

/** Both in PEM. */
export interface Certificate {
  readonly certificate: Buffer
  readonly key: Buffer
}

export const make: Effect.Effect<Certificate> = Effect.map(Clock.currentTimeMillis, (now) => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" })
  const content = contentOf(publicKey, now)
  const signature = sign("sha256", content, privateKey)
  const certificate = sequence(content, ecdsaWithSha256, bitString(signature))
  return {
    certificate: pem("CERTIFICATE", certificate),
    key: Buffer.from(privateKey.export({ type: "pkcs8", format: "pem" }))
  }
})

const contentOf = (publicKey: KeyObject, now: number): Buffer =>
  sequence(
    explicit(0, integer(Buffer.from([versionThree]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ecdsaWithSha256,
    localhost,
    sequence(utcTime(now - day), utcTime(now + 3650 * day)),
    localhost,
    publicKey.export({ type: "spki", format: "der" }),
    explicit(3, sequence(forLocalhost))
  )

/** Milliseconds. */
const day = 24 * 60 * 60 * 1000

const versionThree = 2

/** A value of ASN.1 in DER: its tag, its length, its content (X.690). */
const der = (tag: number, ...content: ReadonlyArray<Uint8Array>): Buffer => {
  const value = Buffer.concat(content)
  return Buffer.concat([Buffer.from([tag, ...lengthOf(value.length)]), value])
}

const lengthOf = (length: number): ReadonlyArray<number> =>
  length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]

const sequence = (...content: ReadonlyArray<Uint8Array>) => der(0x30, ...content)
const integer = (value: Uint8Array) => der(0x02, value)
const oid = (hex: string) => der(0x06, Buffer.from(hex, "hex"))
const bitString = (value: Uint8Array) => der(0x03, Buffer.from([0]), value)
const explicit = (number: number, value: Uint8Array) => der(0xa0 + number, value)

/** `YYMMDDhhmmssZ` */
const utcTime = (millis: number) =>
  der(0x17, Buffer.from(`${new Date(millis).toISOString().replace(/[-:T]/g, "").slice(2, 14)}Z`))

/** 1.2.840.10045.4.3.2 */
const ecdsaWithSha256 = sequence(oid("2a8648ce3d040302"))

/** A name of one part, the common name (2.5.4.3). */
const localhost = sequence(der(0x31, sequence(oid("550403"), der(0x0c, Buffer.from("localhost")))))

/** The subject's alternative name (2.5.29.17). */
const forLocalhost = sequence(
  oid("551d11"),
  der(0x04, sequence(der(0x82, Buffer.from("localhost"))))
)

const pem = (label: string, content: Buffer): Buffer => {
  const lines = content.toString("base64").match(/.{1,64}/g) ?? []
  return Buffer.from(
    [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n")
  )
}
