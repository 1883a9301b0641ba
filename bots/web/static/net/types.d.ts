/** The JSON of the web API (bots/web/routes) and of the event stream (bots/web/sse.py). */

export type MessageStatus =
  | 'waiting'
  | 'running'
  | 'answered'
  | 'stopped'
  | 'failed'
  | 'withdrawn'
  | 'noted'
  | 'forgotten';

export interface Attachment {
  name: string;
  media_type: string;
  text?: string | null;
  /** Base64. */
  data?: string | null;
}

/** A message that the server keeps. */
export interface Message {
  seq: number;
  turn: number;
  role: 'user' | 'assistant';
  text: string;
  /** ISO 8601. */
  at?: string;
  id?: string;
  attachments?: Attachment[];
  status: MessageStatus;
  error?: string;
  model?: string;
  seconds?: number;
  /** Why the reply ends early: the model's token limit, or its provider's filter. */
  cut?: 'length' | 'filter';
  shortened?: boolean;
  /** Whether another version is shown in its place. */
  replaced?: boolean;
  /** The `seq` of the message that this one follows, where that is not the one before it. */
  after?: number;
  /** The `seq` of all versions of this message, oldest first. */
  versions?: number[];
}

/** A message on its way to the server, or in its queue. */
export interface Inbound {
  id: string;
  message: string;
  /** ISO 8601. */
  at: string;
  attachments?: Attachment[];
  /** The `seq` of the question that this message replaces. */
  replaces?: number | null;
}

export interface RunningTurn {
  turn: number;
  question?: Message[];
  attempt?: string;
  text?: string;
  retry_wait?: { seconds: number; reason: string };
}

/** A page of a conversation, oldest message first. */
export interface History {
  messages: Message[];
  next_before?: number;
  running?: RunningTurn;
  waiting?: Inbound[];
  title?: string;
  /** The first message that can still be edited. */
  replaceable?: number;
  /** Whether the conversation was deleted. */
  forgotten?: boolean;
}

export interface DirectoryEntry {
  conversation: string;
  title: string;
  at: string;
}

export interface DirectoryPage {
  entries: DirectoryEntry[];
  cursor: string | null;
}

export interface SearchMatch {
  seq: number;
  role: string;
  at: string;
  text: string;
}

export interface SearchHit {
  conversation: string;
  title: string;
  at: string;
  matches: SearchMatch[];
}

export interface SearchPage {
  hits: SearchHit[];
  /** How many conversations were searched. */
  searched: number;
  /** How many of them were not searched to the end. */
  incomplete: number;
  cursor: string | null;
  /** The time of the last searched conversation. */
  oldest?: string;
}

export interface Limits {
  text: number;
  attachments: number;
  inline: number;
}

export interface Me {
  person: string;
  model: string;
  demo: boolean;
  images: boolean;
  /** Whether other devices can join. */
  devices: boolean;
  /** Whether this browser had another identity before it joined. */
  previous_identity: boolean;
  limits: Limits;
}

export type SettingName = 'persona' | 'model' | 'burst';
export type SettingValues = { [name in SettingName]?: string | null };

export interface SettingsView {
  own: SettingValues;
  effective: SettingValues;
  personas: string[];
  /** Whether another model can be chosen. */
  models: boolean;
}

export interface SettingsChange {
  set?: SettingValues;
  unset?: SettingName[];
}

export interface WaitingEvent {
  kind: 'waiting';
  conversation: string;
  message: Inbound;
  /** Whether files were left out of the event. */
  trimmed?: boolean;
}

export interface StartedEvent {
  kind: 'started';
  conversation: string;
  turn: number;
  attempt?: string;
  question?: Message[];
  trimmed?: boolean;
}

export interface DeltaEvent {
  kind: 'delta';
  conversation: string;
  turn: number;
  attempt?: string;
  offset?: number;
  text: string;
}

export interface RetryEvent {
  kind: 'retry';
  conversation: string;
  turn: number;
  seconds?: number;
  text?: string;
}

/**
 * `unreachable` and `reachable`: the chat service stopped responding, or responds again. `ended`: the model has
 * finished, and `done` follows when the history has the reply. `used`: a person changed something in the conversation.
 */
export interface NoticeEvent {
  kind: 'unreachable' | 'reachable' | 'ended' | 'done' | 'changed' | 'used' | 'stop';
  conversation: string;
}

/** An event of one conversation. */
export type ConversationEvent = WaitingEvent | StartedEvent | DeltaEvent | RetryEvent | NoticeEvent;

/** `resync`: events were lost, and everything shown must be fetched again. */
export type LiveEvent = ConversationEvent | { kind: 'hello' } | { kind: 'resync' };

export type StreamState = (isOnline: boolean) => void;
export type StreamEvent = (event: LiveEvent) => void;
