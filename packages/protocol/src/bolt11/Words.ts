/** Bytes and integers as bech32 carries them: big-endian, in words of five bits. */
import { bech32 } from "@scure/base"

export type Words = ReadonlyArray<number>

/** The whole bytes in the words; bits that are left over are dropped. */
export const toBytes = (words: Words): Buffer =>
  pack(words, Buffer.allocUnsafe(Math.floor((words.length * 5) / 8)))

/** The words, padded with zero bits to whole bytes. */
export const toPaddedBytes = (words: Words): Buffer =>
  pack(words, Buffer.allocUnsafe(Math.ceil((words.length * 5) / 8)))

export const toHex = (words: Words): string => toBytes(words).toString("hex")

/** Not a safe integer where the number does not fit. */
export const toInteger = (words: Words): number => {
  let value = 0
  for (const word of words) value = value * 32 + word
  return value
}

/** Padded with zero bits to whole words. */
export const fromBytes = (bytes: Uint8Array): Words => bech32.toWords(bytes)

/** In as few words as possible: none for zero. Throws a `RangeError` unless a safe integer ≥ 0. */
export const fromInteger = (value: number): Words => {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not a count: ${value}`)
  const words: Array<number> = []
  for (let rest = value; rest > 0; rest = Math.floor(rest / 32)) words.unshift(rest % 32)
  return words
}

/** In exactly `length` words; throws a `RangeError` where they do not suffice. */
export const fromIntegerFixed = (value: number, length: number): Words => {
  const words = fromInteger(value)
  if (words.length > length) throw new RangeError(`too large: ${value}`)
  return [...Array.from({ length: length - words.length }, () => 0), ...words]
}

const pack = (words: Words, bytes: Buffer): Buffer => {
  let held = 0
  let bits = 0
  let at = 0
  for (const word of words) {
    held = ((held << 5) | word) & 0xfff
    bits += 5
    if (bits >= 8) {
      bits -= 8
      bytes[at++] = held >> bits
    }
  }
  if (at < bytes.length) bytes[at] = held << (8 - bits)
  return bytes
}
