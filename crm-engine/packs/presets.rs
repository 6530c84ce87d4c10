// The files of the presets of rights, compiled into the engine.
&[
    ("open", &[
        ("pack.toml", include_str!("presets/open/pack.toml")),
        ("roles.toml", include_str!("presets/open/roles.toml")),
    ]),
    ("departments", &[
        ("pack.toml", include_str!("presets/departments/pack.toml")),
        ("roles.toml", include_str!("presets/departments/roles.toml")),
    ]),
    ("three_level", &[
        ("pack.toml", include_str!("presets/three_level/pack.toml")),
        ("roles.toml", include_str!("presets/three_level/roles.toml")),
    ]),
    ("levels", &[
        ("pack.toml", include_str!("presets/levels/pack.toml")),
        ("roles.toml", include_str!("presets/levels/roles.toml")),
    ]),
]
