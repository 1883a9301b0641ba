// Types for the JavaScript of the page: what the server sends, and the libraries in static/vendor.
// Everything here is global, so that JSDoc comments can use it without an import.

interface Attachment {
  name: string;
  media_type: string;
  text?: string | null;
  data?: string | null;
  url?: string | null;
}

/** A message of a conversation (chat_service.contracts.Message); `at` is an ISO 8601 time. */
interface Message {
  seq: number;
  turn: number;
  role: 'user' | 'assistant';
  text: string;
  at: string;
  id?: string;
  attachments?: Attachment[];
  status?: string;
  error?: string;
  model?: string;
  cut?: 'length' | 'filter';
  shortened?: boolean;
  replaced?: boolean;
  after?: number;
  versions?: number[];
}

/** A message on its way to the chat service, or in its queue (chat_service.contracts.Inbound). */
interface InboundMessage {
  id: string;
  message: string;
  at: string;
  attachments: Attachment[];
  replaces?: number;
}

interface RunningTurn {
  turn: number;
  question: Message[];
  text: string;
  attempt?: string;
  pause?: { seconds: number; why: string };
}

interface HistoryPage {
  messages: Message[];
  next_before?: number;
  running?: RunningTurn;
  waiting: InboundMessage[];
  title: string;
  replaceable: number;
  forgotten: boolean;
}

interface DirectoryEntry {
  conversation: string;
  title: string;
  at: string;
}

/** An event of /api/events. Which fields it has depends on its kind. */
interface PageEvent {
  kind: string;
  conversation: string;
  turn?: number;
  attempt?: string;
  offset?: number;
  text?: string;
  seconds?: number;
  status?: string;
  question?: Message[];
  message?: InboundMessage;
  trimmed?: boolean;
}

/** The answer of /api/me. */
interface Me {
  person: string;
  model: string;
  demo: boolean;
  images: boolean;
  devices: boolean;
  before: boolean;
  limits: { text: number; attachments: number; inline: number };
}

interface MarkdownToken {
  type: string;
  content: string;
  children: MarkdownToken[] | null;
  attrGet(name: string): string | null;
  attrJoin(name: string, value: string): void;
}

interface MarkdownState {
  src: string;
  pos: number;
  posMax: number;
  bMarks: number[];
  eMarks: number[];
  tShift: number[];
  tokens: MarkdownToken[];
  md: MarkdownIt;
  push(type: string, tag: string, nesting: -1 | 0 | 1): MarkdownToken;
}

type InlineRule = (state: MarkdownState, silent: boolean) => boolean;
type BlockRule = (state: MarkdownState, line: number, end: number, silent: boolean) => boolean;
type CoreRule = (state: MarkdownState) => void;

interface MarkdownRuler<Rule> {
  before(existing: string, name: string, rule: Rule): void;
  after(existing: string, name: string, rule: Rule): void;
  getRules(chain: string): Rule[];
}

interface MarkdownIt {
  block: { ruler: MarkdownRuler<BlockRule> };
  inline: { ruler: MarkdownRuler<InlineRule>; tokenize(state: MarkdownState): void };
  core: { ruler: MarkdownRuler<CoreRule> };
  renderer: { rules: Record<string, (tokens: MarkdownToken[], index: number) => string> };
  utils: { escapeHtml(text: string): string };
  use(plugin: unknown, options?: unknown): void;
  render(text: string): string;
}

interface Window {
  markdownit?: (options: object) => MarkdownIt;
  DOMPurify?: { sanitize(html: string, options: object): DocumentFragment };
  katex?: { renderToString(source: string, options: object): string };
  hljs?: {
    getLanguage(name: string): unknown;
    highlight(code: string, options: { language: string; ignoreIllegals: boolean }): { value: string };
  };
}
