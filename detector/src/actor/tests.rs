//! What is held of one actor, and what of it goes.

use super::*;

#[test]
fn accounts_stand_with_their_edge_and_go_with_it() {
    let mut actor = Actor::new("ana", 1, ActorId(0), Class(0));
    let edge = Edge { place: PlaceId(3), protocol: Protocol::Ssh };
    let (one, other) = (1 << 50 | 1, 2 << 50 | 2);
    actor.opened(edge, Time(0), 8);
    assert!(!actor.uses(edge, one));
    actor.used(edge, one, 0, 8);
    assert!(actor.uses(edge, one) && !actor.uses(edge, other));
    actor.used(edge, other, 0, 8);
    assert!(actor.uses(edge, one) && actor.uses(edge, other));
    actor.disown(edge);
    assert!(!actor.uses(edge, one), "what an attack did is no habit");
}

#[test]
fn what_was_counted_fades_and_what_was_done_stays_known() {
    let mut actor = Actor::new("ana", 1, ActorId(0), Class(0));
    let edge = Edge { place: PlaceId(3), protocol: Protocol::Ssh };
    for _ in 0..100 {
        actor.opened(edge, Time(0), 8);
    }
    (actor.sessions, actor.origins[0]) = (100, 60);
    (0..40).for_each(|_| actor.hours.add(2));
    actor.signed(7, 20);
    let counts = |actor: &Actor| {
        let edge = actor.edge(edge).map(|habit| habit.count);
        (actor.sessions, actor.origins[0], actor.hours.of(2), actor.signs(7), edge)
    };
    assert_eq!(counts(&actor), (100, 60, 40, 20, Some(100)));
    actor.fade();
    assert_eq!(counts(&actor), (50, 30, 20, 10, Some(50)));
    (0..20).for_each(|_| actor.fade());
    assert_eq!(counts(&actor), (1, 0, 0, 0, Some(1)));
}
