//! What waits for what, and where that goes round in a circle.

use crate::model::{Address, Resource, Until};
use std::collections::{BTreeMap, BTreeSet};

/// A moment in the life of a resource. Waiting is between moments, since a rule can exist while its
/// target still waits for a permission that itself waits for the rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Moment<'a> {
    Exists(&'a Address),
    Gate(&'a Address, &'a str),
    Complete(&'a Address),
}

impl<'a> Moment<'a> {
    fn address(&self) -> &'a Address {
        match self {
            Self::Exists(address) | Self::Gate(address, _) | Self::Complete(address) => address,
        }
    }
}

/// The circles, each as the addresses on it in the order of waiting, beginning with the least one.
pub(crate) fn cycles(resources: &BTreeMap<&Address, &Resource>) -> Vec<Vec<Address>> {
    let edges = edges(resources);
    let mut walk = Walk { edges: &edges, done: BTreeSet::new(), path: Vec::new(), places: BTreeMap::new(), found: BTreeSet::new() };
    edges.keys().for_each(|moment| walk.visit(moment));
    walk.found.into_iter().collect()
}

fn edges<'a>(resources: &BTreeMap<&'a Address, &'a Resource>) -> BTreeMap<Moment<'a>, Vec<Moment<'a>>> {
    let mut edges: BTreeMap<Moment<'a>, Vec<Moment<'a>>> = BTreeMap::new();
    for (&address, &resource) in resources {
        edges.entry(Moment::Complete(address)).or_default().push(Moment::Exists(address));
        for dependency in resource.dependencies.iter().filter(|dependency| resources.contains_key(&dependency.on)) {
            let needed = match dependency.until {
                Until::Exists => Moment::Exists(&dependency.on),
                Until::Complete => Moment::Complete(&dependency.on),
            };
            let waiting = match &dependency.gates {
                None => Moment::Exists(address),
                Some(call) => {
                    edges.entry(Moment::Complete(address)).or_default().push(Moment::Gate(address, call));
                    Moment::Gate(address, call)
                }
            };
            edges.entry(waiting).or_default().push(needed);
        }
    }
    edges
}

struct Walk<'a> {
    edges: &'a BTreeMap<Moment<'a>, Vec<Moment<'a>>>,
    done: BTreeSet<Moment<'a>>,
    path: Vec<Moment<'a>>,
    /// Where each moment stands on the path: paths can be as long as there are resources.
    places: BTreeMap<Moment<'a>, usize>,
    found: BTreeSet<Vec<Address>>,
}

impl<'a> Walk<'a> {
    fn visit(&mut self, moment: &Moment<'a>) {
        if let Some(start) = self.places.get(moment).copied() {
            let circle = addresses(&self.path[start..]);
            self.found.insert(circle);
            return;
        }
        if self.done.contains(moment) {
            return;
        }
        self.places.insert(moment.clone(), self.path.len());
        self.path.push(moment.clone());
        for next in self.edges.get(moment).into_iter().flatten() {
            self.visit(next);
        }
        self.path.pop();
        self.places.remove(moment);
        self.done.insert(moment.clone());
    }
}

fn addresses(circle: &[Moment<'_>]) -> Vec<Address> {
    let mut addresses: Vec<Address> = circle.iter().map(|moment| moment.address().clone()).collect();
    addresses.dedup();
    if addresses.len() > 1 && addresses.first() == addresses.last() {
        addresses.pop();
    }
    let least = addresses.iter().enumerate().min_by_key(|(_, address)| *address).map_or(0, |(at, _)| at);
    addresses.rotate_left(least);
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Dependency;

    fn on(text: &str) -> Dependency {
        Dependency::hard(text.parse().unwrap())
    }

    fn circles(edges: &[(&str, Dependency)]) -> Vec<String> {
        let mut resources: BTreeMap<Address, Resource> = BTreeMap::new();
        for (address, dependency) in edges {
            let address: Address = address.parse().unwrap();
            for address in [address.clone(), dependency.on.clone()] {
                resources.entry(address.clone()).or_insert_with(|| Resource::new(address, "x"));
            }
            resources.get_mut(&address).unwrap().dependencies.push(dependency.clone());
        }
        let resources = resources.iter().collect();
        cycles(&resources).iter().map(|circle| circle.iter().map(Address::to_string).collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn a_circle_is_found_once_and_as_a_whole() {
        let edges = [("k.a", on("k.b")), ("k.b", on("k.c")), ("k.c", on("k.a")), ("k.d", on("k.a"))];
        assert_eq!(circles(&edges), ["k.a k.b k.c"]);
        assert_eq!(circles(&[("k.a", on("k.a"))]), ["k.a"]);
        assert_eq!(circles(&[("k.a", on("k.b")), ("k.c", on("k.b"))]), [""; 0]);
    }

    #[test]
    fn a_gated_operation_may_wait_for_what_waits_for_its_resource() {
        let rule = ("event_rule.a.m", on("permission.a.m").gating("events:PutTargets"));
        let until_exists = ("permission.a.m", on("event_rule.a.m").until_exists());
        assert_eq!(circles(&[rule.clone(), until_exists]), [""; 0]);
        assert_eq!(circles(&[rule, ("permission.a.m", on("event_rule.a.m"))]), ["event_rule.a.m permission.a.m"]);
    }
}
