/**
 * The operators' book of leaves. All sats that were ever issued are in a leaf or in the vault, which
 * is what the service provider owns and holds no leaves for.
 */
import { Sat } from "@farthing/protocol"
import { Effect } from "effect"
import * as Identity from "./Identity.ts"
import * as Leaf from "./Leaf.ts"
import { Refused } from "./Refused.ts"

export type Leaves = Effect.Success<typeof make>

/** Leaves that were just made, and their owner's key to them. */
export interface Minted {
  readonly leaves: ReadonlyArray<Leaf.Leaf>
  readonly key: Identity.KeyPair
}

export const make = Effect.sync(() => {
  const leaves = new Map<string, Leaf.Leaf>()
  let issued = 0
  let vault = 0

  const change = (id: string, to: Partial<Leaf.Leaf>) => {
    const leaf = leaves.get(id)
    if (leaf !== undefined) leaves.set(id, { ...leaf, ...to })
  }

  const mint = Effect.fnUntraced(function* (
    owner: Identity.Identity,
    values: ReadonlyArray<Sat.Sat>
  ): Effect.fn.Return<Minted> {
    const key = yield* Identity.generate
    const { publicKey: operatorsKey } = yield* Identity.generate
    const minted = Leaf.mint(values, owner, key, operatorsKey)
    for (const leaf of minted) leaves.set(leaf.id, leaf)
    return { leaves: minted, key }
  })

  return {
    all: (): Iterable<Leaf.Leaf> => leaves.values(),
    find: (id: string): Leaf.Leaf | undefined => leaves.get(id),

    /** Sats out of nothing, for the vault. */
    issueToVault: (amount: Sat.Sat) =>
      Effect.sync(() => {
        issued += amount
        vault += amount
      }),

    /** Sats out of nothing, in leaves. */
    issue: (owner: Identity.Identity, values: ReadonlyArray<Sat.Sat>) =>
      Effect.tap(mint(owner, values), () =>
        Effect.sync(() => {
          issued += sum(values)
        })
      ),

    /** Leaves in exchange for sats of the vault. */
    withdraw: (owner: Identity.Identity, values: ReadonlyArray<Sat.Sat>) =>
      Effect.gen(function* () {
        const amount = sum(values)
        if (amount > vault) {
          return yield* new Refused({
            code: "FAILED_PRECONDITION",
            message: "The service provider does not own as much"
          })
        }
        vault -= amount
        return yield* mint(owner, values)
      }),

    /** Sats of the vault in exchange for leaves. */
    retire: (ids: ReadonlyArray<string>) =>
      Effect.sync(() => {
        for (const id of ids) {
          vault += leaves.get(id)?.value ?? 0
          change(id, { state: "retired" })
        }
      }),

    /** All of them, or none if one is not there to be spent by its owner. */
    lock: (owner: Identity.Identity, ids: ReadonlyArray<string>) =>
      Effect.gen(function* () {
        const chosen = ids.map((id) => leaves.get(id))
        if (new Set(ids).size !== ids.length || !chosen.every(isFree(owner))) {
          return yield* new Refused({
            code: "FAILED_PRECONDITION",
            message: "Some of the leaves are not available to their owner"
          })
        }
        for (const id of ids) change(id, { state: "locked" })
        return Sat.make(sum(chosen.map(({ value }) => value)))
      }),

    /** To their owner, who can spend them again. */
    release: (ids: ReadonlyArray<string>) =>
      Effect.sync(() => {
        for (const id of ids) change(id, { state: "available" })
      }),

    /** To another, who has yet to claim them. */
    give: (ids: ReadonlyArray<string>, owner: Identity.Identity) =>
      Effect.sync(() => {
        for (const id of ids) change(id, { owner, state: "incoming" })
      }),

    /** The owner's new key to it, and the refund that goes with it. */
    claim: (id: string, keys: Pick<Leaf.Leaf, "operatorsKey" | "refundTx">) =>
      Effect.sync(() => change(id, { ...keys, state: "available" })),

    /** In sats. */
    totals: () => ({ issued, vault })
  }
})

const isFree =
  (owner: Identity.Identity) =>
  (leaf: Leaf.Leaf | undefined): leaf is Leaf.Leaf =>
    leaf?.owner === owner && leaf.state === "available"

const sum = (values: ReadonlyArray<number>): number =>
  values.reduce((total, value) => total + value, 0)
