/**
 * The coins of Spark: a leaf is an output that its owner and the operators can spend together. It
 * changes hands whole; that it was ever on a chain is only pretended here.
 */
import { addPublicKeys } from "@buildonspark/spark-sdk"
import { Sat } from "@farthing/protocol"
import { RawTx } from "@scure/btc-signer"
import { createHash, randomBytes, randomUUID } from "node:crypto"
import type { Identity, KeyPair } from "./Identity.ts"

/**
 * `available` to its owner; `locked` in a transfer that may come back; `incoming`: its owner's, who
 * has not claimed it yet; `retired`: exchanged for others, and worth nothing any more.
 */
export type State = "available" | "locked" | "incoming" | "retired"

export interface Leaf {
  readonly id: string
  readonly value: Sat.Sat
  readonly owner: Identity
  readonly state: State
  /** The sum of the owner's key and the operators'; stays the same from hand to hand. */
  readonly verifyingKey: Uint8Array
  readonly operatorsKey: Uint8Array
  /** Pays to the verifying key. */
  readonly nodeTx: Uint8Array
  /** Pays the owner if the operators are gone, after a time. */
  readonly refundTx: Uint8Array
}

/** New ones, all under one key of their owner: every claim gives each leaf a key of its own. */
export const mint = (
  values: ReadonlyArray<Sat.Sat>,
  owner: Identity,
  { publicKey }: KeyPair,
  operatorsKey: Uint8Array
): ReadonlyArray<Leaf> => {
  const verifyingKey = addPublicKeys(publicKey, operatorsKey)
  const toBoth = scriptFor(verifyingKey)
  const toOwner = scriptFor(publicKey)
  return values.map((value) => {
    const nodeTx = pay({ txid: Uint8Array.from(randomBytes(32)), sequence: 0 }, toBoth, value)
    const refundTx = pay({ txid: idOf(nodeTx), sequence: longestTimelock }, toOwner, value)
    return {
      id: randomUUID(),
      value,
      owner,
      state: "available",
      verifyingKey,
      operatorsKey,
      nodeTx,
      refundTx
    }
  })
}

/** Blocks, of which every transfer takes some away. */
const longestTimelock = 2000

/** Taproot (BIP 341) for the key as it is; nobody could tell a tweaked one from it here. */
const scriptFor = (publicKey: Uint8Array): Uint8Array =>
  Uint8Array.of(op1, publicKey.length - 1, ...publicKey.subarray(1))

const op1 = 0x51

/** Without signatures. */
const pay = (
  input: { readonly txid: Uint8Array; readonly sequence: number },
  script: Uint8Array,
  value: Sat.Sat
): Uint8Array =>
  RawTx.encode({
    version: 3,
    segwitFlag: false,
    inputs: [{ ...input, index: 0, finalScriptSig: new Uint8Array() }],
    outputs: [{ amount: BigInt(value), script }],
    witnesses: [],
    lockTime: 0
  })

const idOf = (transaction: Uint8Array): Uint8Array =>
  Uint8Array.from(sha256(sha256(transaction)).toReversed())

const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest()

/** The powers of two that an amount is the sum of. */
export const fewest = (amount: Sat.Sat): ReadonlyArray<Sat.Sat> => {
  const values: Array<Sat.Sat> = []
  for (let value = 1, rest: number = amount; rest > 0; value *= 2) {
    if (rest % (value * 2) === 0) continue
    values.push(Sat.make(value))
    rest -= value
  }
  return values
}

/** Some of every small power of two, so that the first payments find leaves that fit. */
export const several = (amount: Sat.Sat): ReadonlyArray<Sat.Sat> => {
  const values: Array<Sat.Sat> = []
  let rest: number = amount
  for (let value = 1; value * ofEach <= rest; value *= 2) {
    for (let count = 0; count < ofEach; count++) values.push(Sat.make(value))
    rest -= value * ofEach
  }
  return [...values, ...fewest(Sat.make(rest))]
}

const ofEach = 2
