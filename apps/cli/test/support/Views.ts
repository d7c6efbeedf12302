/** Agents as somebody sees them, with as much in them as a test wants. */
import { type AgentView, Charter, TickRecord } from "@farthing/agent"
import { Treasury } from "@farthing/budget"
import type { ComputeClient, Receipt } from "@farthing/compute"
import { Bolt11, Key, Msat, NostrEvent } from "@farthing/protocol"

const hex = (digit: string): string => digit.repeat(64)

const publicKey = Key.publicKeyOf(Key.generate())

/** Unix milliseconds. */
export const now = Date.UTC(2026, 0, 2, 3, 4, 5)

const tick: TickRecord.TickRecord = {
  agent: publicKey,
  number: 1,
  trigger: { _tag: "Heartbeat" },
  stage: "finished",
  prompt: "",
  mail: [],
  reply: "POST: hello",
  cost: Msat.make(10_000),
  provider: publicKey,
  note: "",
  startedAt: now - 4_000,
  finishedAt: now - 3_000
}

export const action: TickRecord.ActionRecord = {
  agent: publicKey,
  tick: 1,
  position: 0,
  action: { _tag: "Post", text: "hello" },
  state: "done",
  note: "",
  approved: false,
  bolt11: null,
  cost: Msat.zero,
  event: null
}

export const job: ComputeClient.Job = {
  request: NostrEvent.EventId.make(hex("a")),
  purchase: Treasury.PurchaseId.make("tick 1"),
  provider: publicKey,
  providerName: "corner shop",
  settlement: "upfront",
  state: "paying",
  amount: Msat.make(10_000),
  paymentHash: undefined,
  requestedAt: now / 1_000 - 2,
  note: ""
}

export const receipt: Receipt.Receipt = {
  ...job,
  model: undefined,
  text: "POST: hello",
  resultSha256: hex("b"),
  finishReason: undefined,
  tokensIn: undefined,
  tokensOut: undefined,
  bolt11: "",
  paymentHash: Bolt11.PaymentHash.make(hex("c")),
  preimage: Bolt11.Preimage.make(hex("d")),
  amount: Msat.make(10_000),
  fee: Msat.zero,
  feeKnown: true,
  cost: Msat.make(10_000),
  leftToday: undefined,
  finishedAt: now / 1_000 - 3,
  stages: []
}

const limit: Treasury.LimitStatus = {
  limit: "daily_limit_sats",
  most: Msat.make(500_000),
  spent: Msat.make(120_000),
  held: Msat.zero
}

export const view = (
  name: string,
  changes: Partial<AgentView.AgentView> = {}
): AgentView.AgentView => ({
  publicKey,
  member: {
    id: publicKey,
    account: undefined,
    charter: Charter.make({ name }),
    isPaused: false,
    life: "active",
    nextHeartbeat: now + 4_000
  },
  state: {
    ticks: 1,
    named: 0,
    goals: [],
    memories: [],
    samples: [],
    reports: [],
    heardUntil: 0,
    lostUntil: 0
  },
  life: "active",
  runway: {
    balance: Msat.make(1_234_000),
    burn: Msat.make(98_000),
    isMeasured: true,
    days: 12.59,
    perThought: Msat.make(10_000)
  },
  budget: {
    day: "2026-01-02",
    frozen: undefined,
    spentToday: Msat.make(120_000),
    held: Msat.zero,
    unknown: Msat.zero,
    locked: Msat.zero,
    released: Msat.zero,
    spentEver: Msat.make(120_000),
    limits: [limit]
  },
  ticks: [tick],
  actions: [action],
  waiting: [],
  jobs: [],
  receipts: [receipt],
  ...changes
})
