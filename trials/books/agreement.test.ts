/** Whoever compares books has to see each lie in them. */
import { assert, describe, it } from "@effect/vitest"
import { hash } from "node:crypto"
import * as Agreement from "./Agreement.ts"
import type { Books, Person } from "./Books.ts"

const text = "A farthing was a quarter of a penny."
const paid = "a".repeat(64)
const back = "b".repeat(64)

const customer: Person = {
  name: "customer",
  spends: [
    {
      payment_hash: paid,
      budget: "main",
      purchase: "one",
      state: "settled",
      amount: 1_000,
      allowed_fee: 50,
      fee: 7,
      outcome: "delivered"
    }
  ],
  totals: [{ budget: "main", spent: 1_007, held: 0 }],
  entries: [{ budget: "main", spent: 1_007, held: 0 }],
  jobs: [
    {
      request_id: "job",
      purchase: "one",
      state: "delivered",
      amount: 1_000,
      payment_hash: paid,
      text,
      sha256: hash("sha256", text),
      note: ""
    }
  ],
  sales: []
}

const provider: Person = {
  name: "provider",
  spends: [],
  totals: [],
  entries: [],
  jobs: [],
  sales: [{ request_id: "job", state: "delivered", amount: 1_000, payment_hash: paid, note: "" }]
}

const whole: Books = {
  opening: 5_000,
  bank: {
    payments: [
      { payment_hash: paid, account: "customer", amount: 1_000, fee: 7, state: "settled" }
    ],
    invoices: [{ payment_hash: paid, account: "provider", amount: 1_000, state: "settled" }],
    balances: new Map([
      ["customer", 3_993],
      ["provider", 6_000]
    ]),
    findings: []
  },
  people: [customer, provider]
}

type Change<A> = (value: A) => Partial<A>

const withBank = (change: Change<Books["bank"]>): Books => ({
  ...whole,
  bank: { ...whole.bank, ...change(whole.bank) }
})

const withCustomer = (change: Change<Person>): Books => ({
  ...whole,
  people: [{ ...customer, ...change(customer) }, provider]
})

const withProvider = (change: Change<Person>): Books => ({
  ...whole,
  people: [customer, { ...provider, ...change(provider) }]
})

/** The result was there, and nobody took the money that was locked for it. */
const unclaimed: Books = {
  ...whole,
  bank: {
    ...whole.bank,
    payments: whole.bank.payments.map((payment) => ({ ...payment, state: "failed" })),
    invoices: whole.bank.invoices.map((invoice) => ({ ...invoice, state: "cancelled" })),
    balances: new Map([
      ["customer", 5_000],
      ["provider", 5_000]
    ])
  },
  people: [
    {
      ...customer,
      spends: customer.spends.map((spend) => ({ ...spend, state: "failed" })),
      totals: [{ budget: "main", spent: 0, held: 0 }],
      entries: [{ budget: "main", spent: 0, held: 0 }],
      jobs: customer.jobs.map((job) => ({ ...job, state: "unclaimed" }))
    },
    { ...provider, sales: provider.sales.map((sale) => ({ ...sale, state: "unpaid" })) }
  ]
}

const withUnclaimed = (change: Change<Books>): Books => ({ ...unclaimed, ...change(unclaimed) })

const lies: Readonly<Record<string, readonly [books: Books, finding: RegExp]>> = {
  "the bank's book is not whole": [
    withBank(() => ({ findings: ["a transfer does not balance"] })),
    /does not balance/
  ],
  "a msat is missing": [
    withBank(() => ({ balances: new Map(whole.bank.balances).set("customer", 3_992) })),
    /customer: -1 msat are unexplained/
  ],
  "the bank made a payment that nobody booked": [
    withCustomer(() => ({ spends: [], jobs: [], totals: [], entries: [] })),
    /was made, but is unknown/
  ],
  "a settled spend was never paid": [
    withBank(() => ({ payments: [] })),
    /is settled, but was never made/
  ],
  "the fee is booked wrongly": [
    withCustomer(({ spends }) => ({ spends: spends.map((spend) => ({ ...spend, fee: 8 })) })),
    /cost 1007 msat, but is booked with 1008/
  ],
  "a reservation has no owner": [
    withCustomer(({ spends }) => ({
      spends: spends.map((spend) => ({ ...spend, state: "submitted" }))
    })),
    /is still submitted/
  ],
  "a total forgets a spend": [
    withCustomer(() => ({ totals: [{ budget: "main", spent: 0, held: 0 }] })),
    /counts 0 msat spent/
  ],
  "a total holds what no entry holds": [
    withCustomer(() => ({ totals: [{ budget: "main", spent: 1_007, held: 5 }] })),
    /5 msat are still held/
  ],
  "a purchase is paid twice": [
    withCustomer(({ spends }) => ({
      spends: [...spends, ...spends.map((spend) => ({ ...spend, payment_hash: back }))]
    })),
    /purchase one was paid twice/
  ],
  "a job never ends": [
    withCustomer(({ jobs }) => ({ jobs: jobs.map((job) => ({ ...job, state: "paid" })) })),
    /is still paid/
  ],
  "what is paid counts as unpaid": [
    withCustomer(({ jobs }) => ({ jobs: jobs.map((job) => ({ ...job, state: "unpaid" })) })),
    /is unpaid, but paid/
  ],
  "a result is not the one that was signed for": [
    withCustomer(({ jobs }) => ({ jobs: jobs.map((job) => ({ ...job, text: "nothing" })) })),
    /delivered without its proof/
  ],
  "a loss has no reason": [
    withCustomer(({ jobs, spends }) => ({
      jobs: jobs.map((job) => ({ ...job, state: "lost" })),
      spends: spends.map((spend) => ({ ...spend, outcome: "lost" }))
    })),
    /lost without its proof/
  ],
  "the ledger believes in another end than the journal": [
    withCustomer(({ spends }) => ({
      spends: spends.map((spend) => ({ ...spend, outcome: "lost" }))
    })),
    /is delivered, but its spend says lost/
  ],
  "a paid job is still a quote to its provider": [
    withProvider(({ sales }) => ({ sales: sales.map((sale) => ({ ...sale, state: "quoted" })) })),
    /is quoted, but paid/
  ],
  "a provider delivers what nobody paid": [
    withBank(({ invoices }) => ({
      invoices: invoices.map((invoice) => ({ ...invoice, state: "pending" as const }))
    })),
    /is delivered, but not paid/
  ],
  "a provider never ends": [
    withProvider(({ sales }) => ({ sales: sales.map((sale) => ({ ...sale, state: "running" })) })),
    /is still running/
  ],
  "money is locked, and nobody waits for it": [
    withUnclaimed(({ bank }) => ({
      bank: {
        ...bank,
        invoices: bank.invoices.map((invoice) => ({ ...invoice, state: "held" as const }))
      }
    })),
    /is unpaid, and its money is still locked/
  ],
  "the bank gave money back that is booked as held": [
    withUnclaimed(() => ({
      people: [
        {
          ...unclaimed.people[0]!,
          spends: customer.spends.map((it) => ({ ...it, state: "held" }))
        },
        unclaimed.people[1]!
      ]
    })),
    /failed, but is held/
  ],
  "what came back is without its result": [
    withUnclaimed(() => ({
      people: [
        {
          ...unclaimed.people[0]!,
          jobs: unclaimed.people[0]!.jobs.map((it) => ({ ...it, text: null }))
        },
        unclaimed.people[1]!
      ]
    })),
    /unclaimed without its proof/
  ],
  "what came back is a sale to its provider": [
    withUnclaimed(() => ({ people: [unclaimed.people[0]!, provider] })),
    /is delivered, but not paid/
  ],
  "what came back was never a job to its provider": [
    withUnclaimed(() => ({ people: [unclaimed.people[0]!, { ...provider, sales: [] }] })),
    /is unclaimed to its customer .* but unknown to its provider/
  ],
  "one side was delivered, the other refunded": [
    withProvider(({ sales }) => ({
      sales: sales.map((sale) => ({ ...sale, state: "refunded" }))
    })),
    /is delivered to its customer .* but refunded to its provider/
  ]
}

describe("books", () => {
  it("agree where all is as it should be", () => {
    assert.deepStrictEqual(Agreement.disagreements(whole), [])
    assert.deepStrictEqual(Agreement.disagreements(unclaimed), [])
  })

  for (const [lie, [books, finding]] of Object.entries(lies)) {
    it(`disagree where ${lie}`, () => {
      assert.match(Agreement.disagreements(books).join("\n"), finding)
    })
  }
})
