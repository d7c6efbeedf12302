/**
 * Whether all books tell the same story, to the msat. Each rule answers with what contradicts it,
 * in words. Pure.
 */
import { hash } from "node:crypto"
import type { Books, Job, Person, Sale, Spend } from "./Books.ts"

type Rule = (books: Books) => ReadonlyArray<string>

/** Every rule; empty where the books agree. */
export const disagreements = (books: Books): ReadonlyArray<string> =>
  rules.flatMap((rule) => rule(books))

/** A provider is not done yet with what was paid, or with the refund that it is paying. */
export const sellersAreBusy = (books: Books): boolean =>
  books.people.some(({ name, sales, spends }) => {
    const busy =
      sales.some(({ state }) => underWay.has(state)) ||
      (sales.length > 0 && spends.some(({ state }) => state !== "settled" && state !== "failed"))
    const unseen = sales.some(
      (sale) =>
        waiting.has(sale.state) &&
        books.bank.invoices.some(
          (invoice) =>
            invoice.account === name &&
            invoice.payment_hash === sale.payment_hash &&
            (invoice.state === "settled" || invoice.state === "held")
        )
    )
    return busy || unseen
  })

const underWay: ReadonlySet<string> = new Set([
  "paid",
  "running",
  "answered",
  "claiming",
  "returning"
])

/** For money, or for the preimage that takes it; nobody has to come. */
const waiting: ReadonlySet<string> = new Set(["quoted", "awaiting"])

const ofEach =
  (rule: (person: Person, books: Books) => ReadonlyArray<string>): Rule =>
  (books) =>
    books.people.flatMap((person) =>
      rule(person, books).map((finding) => `${person.name}: ${finding}`)
    )

const short = (id: string | null): string => (id ?? "none").slice(0, 10)

const sum = (amounts: ReadonlyArray<number>): number =>
  amounts.reduce((total, amount) => total + amount, 0)

const settledOf = ({ spends }: Person): ReadonlyArray<Spend> =>
  spends.filter(({ state }) => state === "settled")

const costOf = ({ allowed_fee, amount, fee }: Spend): number => amount + (fee ?? allowed_fee)

/** The bank's book is whole. */
const bankIsWhole: Rule = ({ bank }) => bank.findings.map((finding) => `bank: ${finding}`)

/** What an account has gained or lost is what its owner's ledger spent and what came in. */
const moneyIsAllThere = ofEach((person, { bank, opening }) => {
  const received = sum(
    bank.invoices
      .filter(({ account, state }) => account === person.name && state === "settled")
      .map(({ amount }) => amount)
  )
  const spent = sum(settledOf(person).map(costOf))
  const unexplained = (bank.balances.get(person.name) ?? 0) - (opening + received - spent)
  return unexplained === 0 ? [] : [`${unexplained} msat are unexplained`]
})

/** The bank's list of an account's payments is the ledger's list of settled spends. */
const ledgerIsTheBanks = ofEach((person, { bank }) => {
  const paid = bank.payments.filter(({ account }) => account === person.name)
  const spends = new Map(person.spends.map((spend) => [spend.payment_hash, spend]))
  const hashes = new Set(paid.map(({ payment_hash }) => payment_hash))
  return [
    ...paid.flatMap((payment) => {
      const { amount, fee, payment_hash, state } = payment
      const spend = spends.get(payment_hash)
      const name = `payment ${short(payment_hash)}`
      if (state === "failed")
        return spend?.state === "failed"
          ? []
          : [`${name} failed, but is ${spend?.state ?? "unknown"}`]
      if (state === "pending") return [`${name} is still pending at the bank`]
      if (spend?.state !== "settled")
        return [`${name} was made, but is ${spend?.state ?? "unknown"}`]
      return spend.amount === amount && costOf(spend) === amount + fee
        ? []
        : [`${name} cost ${amount + fee} msat, but is booked with ${costOf(spend)}`]
    }),
    ...settledOf(person)
      .filter(({ payment_hash }) => !hashes.has(payment_hash))
      .map(({ payment_hash }) => `payment ${short(payment_hash)} is settled, but was never made`)
  ]
})

/** No reservation is left without an owner. */
const nothingIsHeld = ofEach(({ spends, totals }) => [
  ...spends
    .filter(({ state }) => state !== "settled" && state !== "failed")
    .map(({ payment_hash, state }) => `spend ${short(payment_hash)} is still ${state}`),
  ...totals.filter(({ held }) => held !== 0).map(({ held }) => `${held} msat are still held`)
])

/** The budget's totals are what its entries and its spends add up to. */
const totalsAddUp = ofEach((person) =>
  person.totals.flatMap(({ budget, held, spent }) => {
    const entries = person.entries.find((entry) => entry.budget === budget)
    const spends = sum(
      settledOf(person)
        .filter((spend) => spend.budget === budget)
        .map(costOf)
    )
    return spent === spends && spent === entries?.spent && held === entries.held
      ? []
      : [
          `${budget} counts ${spent} msat spent, its spends ${spends}, its entries ${entries?.spent}`
        ]
  })
)

/** A purchase pays at most once; a payment hash stands on one job. */
const nothingIsPaidTwice = ofEach((person) => [
  ...twice(settledOf(person).map(({ purchase }) => purchase)).map(
    (purchase) => `purchase ${purchase} was paid twice`
  ),
  ...twice(person.jobs.flatMap(({ payment_hash }) => payment_hash ?? [])).map(
    (payment_hash) => `payment ${short(payment_hash)} stands on two jobs`
  )
])

const twice = (values: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...new Set(values.filter((value, at) => values.indexOf(value) !== at))
]

/** Every paid job is delivered, refunded, or lost with a reason; no other one is. */
const everyJobHasItsEnd = ofEach((person) => {
  const paid = new Map(settledOf(person).map((spend) => [spend.payment_hash, spend]))
  const jobs = new Map(person.jobs.map((job) => [job.payment_hash, job]))
  return [
    ...person.jobs.flatMap((job) => {
      const { payment_hash, state } = job
      const spend = payment_hash === null ? undefined : paid.get(payment_hash)
      const name = `job ${short(job.request_id)}`
      if (!endsOfJobs.has(state)) return [`${name} is still ${state}`]
      if (paidEnds.has(state) !== (spend !== undefined))
        return [`${name} is ${state}, but ${spend === undefined ? "not paid" : "paid"}`]
      if (spend !== undefined && spend.outcome !== state)
        return [`${name} is ${state}, but its spend says ${spend.outcome ?? "nothing"}`]
      return isProven(job) ? [] : [`${name} is ${state} without its proof`]
    }),
    ...settledOf(person)
      .filter(({ payment_hash, purchase }) => !isRefund(purchase) && !jobs.has(payment_hash))
      .map(({ payment_hash }) => `payment ${short(payment_hash)} stands on no job`)
  ]
})

const paidEnds: ReadonlySet<string> = new Set(["delivered", "refunded", "lost"])
const endsOfJobs: ReadonlySet<string> = new Set([
  ...paidEnds,
  "unclaimed",
  "returned",
  "refused",
  "unanswered",
  "rejected",
  "unpaid"
])

const isRefund = (purchase: string): boolean => purchase.startsWith("refund:")

/** A result has its text, a loss its reason. */
const isProven = ({ note, sha256, state, text }: Job): boolean => {
  switch (state) {
    case "delivered":
    case "unclaimed":
      return text !== null && hash("sha256", text) === sha256
    case "lost":
      return note !== ""
    default:
      return true
  }
}

/** A provider's book says paid of what the bank says, and everything paid has its end. */
const salesAreTheBanks = ofEach((person, { bank }) => {
  const settled = new Set(
    bank.invoices
      .filter(({ account, state }) => account === person.name && state === "settled")
      .map(({ payment_hash }) => payment_hash)
  )
  const held = new Set(
    bank.invoices.flatMap(({ payment_hash, state }) => (state === "held" ? [payment_hash] : []))
  )
  const isHeld = ({ payment_hash }: Sale) => payment_hash !== null && held.has(payment_hash)
  return person.sales.flatMap((sale) => {
    const isPaid = sale.payment_hash !== null && settled.has(sale.payment_hash)
    const name = `sale ${short(sale.request_id)}`
    if (underWay.has(sale.state)) return [`${name} is still ${sale.state}`]
    if (isPaid !== paidSales.has(sale.state))
      return [`${name} is ${sale.state}, but ${isPaid ? "paid" : "not paid"}`]
    if (isHeld(sale)) return [`${name} is ${sale.state}, and its money is still locked`]
    return sale.state === "lost" && sale.note === "" ? [`${name} is lost without a reason`] : []
  })
})

const paidSales: ReadonlySet<string> = new Set(["delivered", "owed", "refunded", "lost"])

/** Customer and provider tell the same of each job, and never both a result and its money back. */
const bothSidesAgree: Rule = ({ people }) => {
  const sales = new Map(people.flatMap(({ sales }) => sales.map((sale) => [sale.request_id, sale])))
  return people.flatMap(({ jobs }) =>
    jobs.flatMap((job) => {
      const sale = sales.get(job.request_id)
      return sameEnds[job.state] !== undefined && !fits(job, sale)
        ? [
            `job ${short(job.request_id)} is ${job.state} to its customer (${job.note}), ` +
              `but ${sale?.state ?? "unknown"} to its provider (${sale?.note ?? ""})`
          ]
        : []
    })
  )
}

const fits = (job: Job, sale: Sale | undefined): boolean =>
  sale !== undefined &&
  sale.payment_hash === job.payment_hash &&
  sale.amount === job.amount &&
  sameEnds[job.state]?.includes(sale.state) === true

/** What a job that had the customer's money is to its provider. */
const sameEnds: Readonly<Record<string, ReadonlyArray<string>>> = {
  delivered: ["delivered"],
  refunded: ["refunded"],
  lost: ["lost"],
  unclaimed: ["unpaid"],
  returned: ["returned", "unpaid"]
}

const rules: ReadonlyArray<Rule> = [
  bankIsWhole,
  moneyIsAllThere,
  ledgerIsTheBanks,
  nothingIsHeld,
  totalsAddUp,
  nothingIsPaidTwice,
  everyJobHasItsEnd,
  salesAreTheBanks,
  bothSidesAgree
]
