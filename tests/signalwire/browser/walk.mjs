// Any member of the SDK's objects by name, read, subscribed to or called: what the tests of all members use.
import { calls } from '/media.mjs';

const PATIENCE_MS = 6000;
// An object of a class may lead to the whole SDK; its name stands for it.
const shallow = (_, inner) => {
  const name = inner?.constructor?.name;
  return typeof inner !== 'object' || ['Object', 'Array', undefined].includes(name) ? inner : name;
};
const plain = (value) => {
  if (value === undefined) return { kind: 'undefined' };
  if (value === null) return { kind: 'null' };
  if (typeof value !== 'object' && typeof value !== 'function') return { kind: typeof value, value };
  if (Array.isArray(value)) return { kind: 'array', value: value.length };
  const name = value.constructor?.name;
  return { kind: typeof value, name, value: name === 'Object' ? JSON.parse(JSON.stringify(value, shallow)) : null };
};
const words = (error) => String(error?.name ?? '') + ': ' + String(error?.message ?? JSON.stringify(error) ?? error);
const within = (work, ms) => Promise.race([work, new Promise((_, reject) => setTimeout(() => reject(new Error('pending')), ms))]);

// `objectsOf(name)`: the SDK's objects by the names of their types, for the call of that name.
export function walkable(objectsOf) {
  const read = (target, member) => {
    try { return plain(target[member]); } catch (error) { return { error: words(error) }; }
  };
  // The first emission of an observable; `pending` where none comes.
  const emission = async (target, member, ms) => {
    let subscription;
    try {
      return await within(new Promise((resolve, reject) => {
        subscription = target[member].subscribe({ next: (value) => resolve(plain(value)), error: reject });
      }), ms);
    } catch (error) { return { error: words(error) }; } finally { subscription?.unsubscribe(); }
  };
  // `{member: what it holds}`, for members of one type that are no methods.
  window.held = async (name, type, members, ms = 1500) => {
    const target = objectsOf(name)[type];
    const found = members.map(async (each) => [each, each.endsWith('$') ? await emission(target, each, ms) : read(target, each)]);
    return Object.fromEntries(await Promise.all(found));
  };
  window.invoke = async (name, type, member, given = [], ms = PATIENCE_MS) => {
    try {
      const target = objectsOf(name)[type];
      const method = member.split('.').reduce((found, word, at, all) => {
        const value = found[word];
        return at === all.length - 1 ? value.bind(found) : value;
      }, target);
      return plain(await within(Promise.resolve(method(...given)), ms));
    } catch (error) { return { error: words(error) }; }
  };
  window.told = (name) => calls.get(name).statuses;
}
