//! Units of the tables, as far as tests need them.

use crate::smac::data::{
    Attribute::{self, *},
    Bonus, Energy, Heal, Plane, Splash, Unit, Weapon,
};

fn body(hp: f32, armour: f32, speed: f32, radius: f32, attributes: &[Attribute]) -> Unit {
    Unit {
        hp,
        shield: 0.0,
        armour,
        regeneration: 0.0,
        regeneration_delay: 0.0,
        speed,
        radius,
        separation_radius: radius,
        plane: Plane::Ground,
        attributes: attributes.to_vec(),
        energy: None,
        weapon: None,
        heal: None,
        cooldown_scale: 15.0,
    }
}

fn weapon(damage: f32, range: f32, period: f32, damage_point: f32) -> Weapon {
    Weapon {
        damage,
        bonus: None,
        hits: 1,
        hit_spacing: 0.0,
        range,
        range_slop: 1.0,
        scan_range: (range + 0.5).max(5.0),
        period,
        damage_point,
        backswing: 0.5,
        ground: true,
        air: false,
        suicide: false,
        splash: None,
    }
}

pub(super) fn marine() -> Unit {
    let mut marine = body(45.0, 0.0, 2.25, 0.375, &[Light, Biological]);
    marine.weapon = Some(Weapon {
        air: true,
        backswing: 0.75,
        ..weapon(6.0, 5.0, 0.8608, 0.05)
    });
    marine
}

pub(super) fn marauder() -> Unit {
    let mut marauder = body(125.0, 1.0, 2.25, 0.5625, &[Armored, Biological]);
    marauder.separation_radius = 0.5;
    marauder.weapon = Some(Weapon {
        bonus: Some(Bonus {
            against: Armored,
            damage: 10.0,
        }),
        backswing: 0.0,
        ..weapon(10.0, 6.0, 1.5, 0.0)
    });
    marauder
}

pub(super) fn medivac() -> Unit {
    let mut medivac = body(150.0, 1.0, 2.5, 0.75, &[Armored, Mechanical]);
    medivac.plane = Plane::Air;
    medivac.energy = Some(Energy {
        start: 50.0,
        max: 200.0,
        per_second: 0.5625,
    });
    medivac.heal = Some(Heal {
        per_second: 9.0,
        energy_per_hp: 0.33,
        range: 4.0,
    });
    medivac
}

pub(super) fn zealot() -> Unit {
    let mut zealot = body(100.0, 1.0, 2.25, 0.5, &[Light, Biological]);
    zealot.shield = 50.0;
    zealot.separation_radius = 0.375;
    zealot.weapon = Some(Weapon {
        hits: 2,
        hit_spacing: 0.28,
        ..weapon(8.0, 0.1, 1.2, 0.0)
    });
    zealot
}

pub(super) fn stalker() -> Unit {
    let mut stalker = body(80.0, 1.0, 2.9531, 0.625, &[Armored, Mechanical]);
    stalker.shield = 80.0;
    stalker.weapon = Some(Weapon {
        bonus: Some(Bonus {
            against: Armored,
            damage: 5.0,
        }),
        air: true,
        ..weapon(13.0, 6.0, 1.87, 0.167)
    });
    stalker
}

pub(super) fn colossus() -> Unit {
    let mut colossus = body(200.0, 1.0, 2.25, 1.0, &[Armored, Mechanical, Massive]);
    colossus.shield = 150.0;
    colossus.separation_radius = 0.75;
    colossus.plane = Plane::Cliffs;
    colossus.weapon = Some(Weapon {
        bonus: Some(Bonus {
            against: Light,
            damage: 5.0,
        }),
        hits: 2,
        range_slop: 0.0,
        splash: Some(Splash::Line {
            reach: 1.25,
            width: 0.15,
        }),
        ..weapon(10.0, 7.0, 1.5, 0.0832)
    });
    colossus
}

pub(super) fn zergling() -> Unit {
    let mut zergling = body(35.0, 0.0, 2.9531, 0.375, &[Light, Biological]);
    zergling.regeneration = 0.2734;
    zergling.weapon = Some(weapon(5.0, 0.1, 0.696, 0.167));
    zergling
}

pub(super) fn hydralisk() -> Unit {
    let mut hydralisk = body(90.0, 0.0, 2.25, 0.625, &[Light, Biological]);
    hydralisk.separation_radius = 0.5;
    hydralisk.weapon = Some(Weapon {
        air: true,
        ..weapon(12.0, 5.0, 0.825, 0.208)
    });
    hydralisk
}

pub(super) fn baneling() -> Unit {
    let mut baneling = body(30.0, 0.0, 2.5, 0.375, &[Biological]);
    baneling.weapon = Some(Weapon {
        bonus: Some(Bonus {
            against: Light,
            damage: 15.0,
        }),
        suicide: true,
        splash: Some(Splash::Circle {
            radius: 2.2,
            share: 1.0,
        }),
        ..weapon(20.0, 0.25, 0.833, 0.0)
    });
    baneling
}

pub(super) fn ultralisk() -> Unit {
    let mut ultralisk = body(500.0, 2.0, 2.9531, 1.0, &[Armored, Biological, Massive]);
    ultralisk.weapon = Some(Weapon {
        splash: Some(Splash::Arc {
            radius: 2.0,
            degrees: 180.0,
            share: 0.33,
        }),
        ..weapon(35.0, 1.0, 0.86, 0.3332)
    });
    ultralisk
}

pub(super) fn reaper() -> Unit {
    let mut reaper = body(60.0, 0.0, 3.75, 0.375, &[Light, Biological]);
    reaper.regeneration = 2.0;
    reaper.regeneration_delay = 10.0;
    reaper.weapon = Some(Weapon {
        hits: 2,
        hit_spacing: 0.122,
        backswing: 0.75,
        ..weapon(4.0, 5.0, 1.1, 0.0)
    });
    reaper
}

pub(super) fn overlord() -> Unit {
    let mut overlord = body(200.0, 0.0, 0.4687, 1.0, &[Armored, Biological]);
    overlord.plane = Plane::Air;
    overlord.separation_radius = 0.75;
    overlord
}
