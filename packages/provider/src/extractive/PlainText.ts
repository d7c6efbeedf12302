/**
 * The running text of a document: paragraphs without the marks, tables, code and pictures of
 * Markdown and HTML. Every pattern is bounded, so that no document takes long.
 */

/** What is considered of a document, in characters; the rest is left unread. */
export const mostCharacters = 60_000

/** Longer words are keys, addresses or noise, and cost the language model a lot of time. */
const longestWord = 60

const longestParagraph = 4_000

export const paragraphs = (document: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  let lines: Array<string> = []
  const close = () => {
    const text = lines.join(" ")
    lines = []
    if (text !== "") found.push(...cut(text))
  }
  let fence: string | undefined
  for (const raw of withoutHtml(printable(document.slice(0, mostCharacters))).split("\n")) {
    const mark = /^\s{0,3}(```|~~~)/.exec(raw)?.[1]
    if (mark !== undefined && (fence === undefined || fence === mark)) {
      fence = fence === undefined ? mark : undefined
      close()
    } else if (fence !== undefined || isNoText(raw)) {
      close()
    } else {
      if (startsParagraph(raw)) close()
      const line = withoutMarks(raw)
      if (line === "") close()
      else lines.push(line)
    }
  }
  close()
  return found
}

const printable = (text: string): string =>
  text
    .toWellFormed()
    .replace(/\r\n?/g, "\n")
    .replace(/[^\P{C}\n\t]/gu, " ")
    .replace(/[。！？]/g, "$&\n\n")

const withoutHtml = (text: string): string =>
  text.replace(/<!--[^]{0,2000}?-->/g, " ").replace(/<\/?[a-zA-Z][^<>]{0,500}>/g, " ")

/** Headings, rules, tables, indented code and definitions of links. */
const isNoText = (line: string): boolean =>
  /^\s{0,3}(#{1,6}(\s|$)|([-*_=]\s{0,3}){3,40}$|\[[^\]]{1,100}\]:)|^\s{0,8}\||^(\t| {4,})[^\s*+-]|\|\s*:?-{3,}/.test(
    line
  )

/** Items of a list and quotations stand for themselves. */
const startsParagraph = (line: string): boolean => /^\s{0,12}([-*+>]|\d{1,3}[.)])\s/.test(line)

const withoutMarks = (line: string): string =>
  line
    .replace(/^\s{0,12}(([-*+>]|\d{1,3}[.)])\s{1,4}(\[[ xX]\]\s)?){1,4}/, "")
    .replace(/!\[[^[\]]{0,300}\](\([^()]{0,500}\)|\[[^[\]]{0,100}\])/g, " ")
    .replace(/\[([^[\]]{0,300})\](\([^()]{0,500}\)|\[[^[\]]{0,100}\])/g, "$1")
    .replace(/<?\bhttps?:\/\/\S+/g, " ")
    .replace(/(\*{1,3}|_{2,3}|~~|`{1,3})/g, "")
    .split(/\s+/)
    .filter((word) => word.length > 0 && word.length <= longestWord)
    .join(" ")
    .replace(/\s+([.,;:!?])/g, "$1")

/** Pieces of bounded length, so that reading one never takes long. */
const cut = (text: string): ReadonlyArray<string> => {
  const pieces: Array<string> = []
  let rest = text
  while (rest.length > longestParagraph) {
    const space = rest.lastIndexOf(" ", longestParagraph)
    const end = space > 0 ? space : longestParagraph
    pieces.push(rest.slice(0, end))
    rest = rest.slice(end).trimStart()
  }
  return rest === "" ? pieces : [...pieces, rest]
}
