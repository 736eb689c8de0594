//! Runs every fuzz target on some thousand inputs: seeds, and seeds with changed, removed, repeated and inserted bytes.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

#[allow(unreachable_pub, reason = "the fuzzer calls them from another crate")]
#[path = "fuzz/src/lib.rs"]
mod targets;

/// Mutations of each seed.
const INPUTS: usize = 2_000;

/// Runs a target on each seed and on mutations of it.
fn smoke(target: fn(&[u8]), seeds: &[&[u8]]) {
    for (number, seed) in seeds.iter().enumerate() {
        target(seed);
        let mut rng = ChaCha8Rng::seed_from_u64(number as u64);
        for _ in 0..INPUTS {
            target(&mutate(seed, &mut rng));
        }
    }
}

/// One to four changes to the bytes of a seed.
fn mutate(seed: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    const TELLING: [u8; 8] = [0, 1, 0x7f, 0x80, 0xff, b'"', b'\n', b','];
    let mut bytes = seed.to_vec();
    for _ in 0..=rng.next_u32() % 4 {
        let mut below = |n: usize| rng.next_u32() as usize % n.max(1);
        let at = below(bytes.len());
        match below(5) {
            _ if bytes.is_empty() => bytes.push(0),
            0 => bytes[at] ^= 1 << below(8),
            1 => bytes[at] = TELLING[below(TELLING.len())],
            2 => bytes.truncate(at),
            3 => bytes.insert(at, TELLING[below(TELLING.len())]),
            _ => {
                let part = bytes[at..(at + below(64)).min(bytes.len())].to_vec();
                bytes.splice(at..at, part);
            }
        }
    }
    bytes
}

#[test]
fn csv_reader() {
    let flow = b"src_ip,dst_port,protocol,packet_count,byte_count,duration\n10.0.0.1,53,17,2,164,0.03\n";
    let quoted = b"dst_port,protocol,packet_count,byte_count,duration\r\n443,\"t\"\"cp\",1e3,0x10,inf\r\n";
    smoke(targets::csv, &[flow, quoted]);
}

#[test]
fn json_reader() {
    let flow =
        br#"{"dst_port": 443, "protocol": "TCP", "packet_count": 12, "byte_count": 1024, "duration": 3.4}
{"dst_port": null, "protocol": "UDP", "packet_count": "1", "byte_count": 1, "duration": "Infinity"}
"#;
    smoke(targets::json, &[flow]);
}

/// A datagram in IPv4: UDP to the VXLAN port.
fn datagram() -> Vec<u8> {
    let inner =
        [&[0; 12], &[8, 0][..], &[0x45, 0, 0, 20, 0, 0, 0, 0, 9, 6, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]].concat();
    let header = [0x45, 0, 0, 70, 0, 1, 0x20, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    [&header[..], &[0x9c, 0x40, 0x12, 0xb5, 0, 50, 0, 0], &[8, 0, 0, 0, 0, 0, 1, 0], &inner].concat()
}

#[test]
fn packet_reader() {
    let frame = datagram();
    let length = frame.len() as u32;
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    let file = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 101]);
    let pcap =
        [file, words(&[1, 2, length, length]), frame.clone(), words(&[3, 4, length, length]), frame.clone()];
    let padded = [frame, vec![0; 2]].concat();
    let block = length.next_multiple_of(4) + 32;
    let pcapng = [
        words(&[0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28]),
        words(&[1, 28, 101, 0, 0x0001_0009, 9, 28]),
        words(&[6, block, 0, 5, 6, length, length]),
        padded.clone(),
        words(&[block, 3, block - 16, length]),
        padded,
        words(&[block - 16]),
    ];
    smoke(targets::packets, &[&pcap.concat(), &pcapng.concat()]);
}

#[test]
fn flow_meter() {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    let mut tcp = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 101]);
    for (i, flags) in [2_u8, 18, 16, 24, 17, 17, 16, 2, 4, 2].into_iter().enumerate() {
        let (i, back) = (i as u32, u8::from([18, 17].contains(&flags) && i % 2 == 1));
        tcp.extend(words(&[i * i, i, 41, 41]));
        tcp.extend([0x45, 0, 0, 41, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1 + back, 10, 0, 0, 2 - back]);
        tcp.extend([1 + back, 0, 2 - back, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 1, 0, 0, 0, 0, 0, 7]);
    }
    let mut udp = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 101]);
    for (i, frame) in [datagram(), datagram()].iter().enumerate() {
        udp.extend(words(&[i as u32 * 200, 0, frame.len() as u32, frame.len() as u32]));
        udp.extend(frame);
    }
    smoke(targets::flow_meter, &[&tcp, &udp]);
}

#[test]
fn frame_decoder() {
    let raw = [&[0, 101], &datagram()[..]].concat();
    let tagged =
        [&[0, 1], &[0; 12][..], &[0x88, 0xa8, 0, 2, 0x81, 0, 0, 3, 0x88, 0x47, 0, 0, 1, 9], &datagram()]
            .concat();
    let gtp = [0x30, 255, 0, 0, 0, 0, 0, 0, 0x60, 0, 0, 0, 0, 8, 44, 1];
    let udp = [&[8, 104, 8, 104, 0, 56, 0, 0], &gtp[..], &[7; 32], &[17, 0, 0, 0, 0, 0, 0, 1]].concat();
    let ipv6 =
        [&[0, 229, 0x60, 0, 0, 0, 0, 72, 0, 9], &[1; 32][..], &[17, 0, 1, 4, 0, 0, 0, 0], &udp].concat();
    let ppp = [&[0, 9, 0xff, 3, 0, 0x21], &datagram()[..]].concat();
    smoke(targets::frame, &[&raw, &tagged, &ipv6, &ppp]);
}

#[test]
fn zeek_reader() {
    let fields = "#separator \\x09\n#empty_field\t(empty)\n#unset_field\t-\n#fields\tts\tuid\tid.orig_h\tid.orig_p\
        \tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\tlocal_orig\
        \tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents   label\n";
    let row = "1655071198.444458\tC1\t10.0.0.1\t62771\t::1\t443\ttcp\ta\\x09b\t1.13\t1\t-\tSF\tT\t0\tSh\t1\t2\t3\t4\
        \t(empty)   Benign\n";
    let json = br#"{"ts":1664462456.755299,"id.orig_h":"10.0.0.1","id.resp_p":53,"label":"x","orig_bytes":0,"tunnel_parents":["C1"]}
{"ts":"2021-06-06T13:57:37.272281Z","uid":"\u0041","local_orig":true,"orig_pkts":1,"other":{"a":[1,{}]}}
"#;
    smoke(targets::zeek, &[format!("{fields}{row}{row}{fields}{row}").as_bytes(), json]);
}

#[test]
fn eve_reader() {
    let flow = br#"{"timestamp":"2021-06-06T16:40:00.000000+0200","flow_id":9223372036854775807,"event_type":"flow","vlan":[7],"src_ip":"::1","dest_port":443,"proto":"TCP","flow":{"pkts_toserver":12,"start":"2021-06-06T16:38:55.855844+0200","end":"2021-06-06T16:38:56.963027+0200","alerted":true},"tcp":{"tcp_flags":"1b"}}
{"event_type":"alert","alert":{"signature":"\u0041"},"flow":{"pkts_toserver":1}}
"#;
    smoke(targets::eve, &[flow]);
}

#[test]
fn series() {
    let berlin = b"\x09\
2024-10-27 02:00,a,1,0\n2024-10-27 02:30,a,,0\n2024-10-27 02:00,a,3,1\n2024-10-27 03:10,b,nan,0\n";
    let apia =
        b"\x3f29/12/2011 12:00,a,1,0\n30/12/2011 12:00,a,2,0\n2011-12-31,a,1e300,1\n2012-01-01T00:00Z,,4,0\n";
    let numbers = b"\x90915148800,a,1,0\n915148800000,a,2,0\n1e18,b,inf,0\n-9999-01-01,b,5,0\n";
    smoke(targets::series, &[berlin, apia, numbers]);
}

#[test]
fn columnar_readers() {
    use qosguard::telemetry::{IpcWriter, ParquetWriter, Schema};

    let schema = Schema::preset("flow_detail").unwrap();
    let config = qosguard::simulate::FlowSimulatorConfig { rows: 8, ..Default::default() };
    let batches: Vec<_> = qosguard::simulate::flows(&config).unwrap().map(Result::unwrap).collect();
    let mut file = IpcWriter::file(Vec::new(), &schema).unwrap();
    let mut stream = IpcWriter::stream(Vec::new(), &schema).unwrap();
    let mut parquet = ParquetWriter::new(Vec::new(), &schema).unwrap();
    for batch in &batches {
        file.write(batch).unwrap();
        stream.write(batch).unwrap();
        parquet.write(batch).unwrap();
    }
    smoke(targets::ipc, &[&file.finish().unwrap(), &stream.finish().unwrap()]);
    smoke(targets::parquet, &[&parquet.finish().unwrap()]);
}

#[test]
fn export_datagrams() {
    let netflow5 = [&[0, 5, 0, 1, 0, 0, 9, 9, 0x65, 0, 0, 0][..], &[0; 12], &[10; 48]].concat();
    // A template of addresses and counts with a record, and options with a sampling interval.
    let netflow9 = b"\0\x09\0\x03\0\0\x09\x09\x65\0\0\0\0\0\0\x01\0\0\0\x01\
        \0\0\0\x18\x01\0\0\x04\0\x08\0\x04\0\x0c\0\x04\0\x02\0\x04\0\x01\0\x04\
        \0\x01\0\x12\x01\x01\0\x04\0\x04\0\x01\0\x04\0\x22\0\x04\
        \x01\x01\0\x0c\0\0\0\0\0\0\0\x64\
        \x01\0\0\x14\x0a\0\0\x01\x0a\0\0\x02\0\0\0\x03\0\0\0\xb4";
    // A variable field, an enterprise field and a reverse count; a withdrawal.
    let ipfix = b"\0\x0a\0\x4a\x65\0\0\0\0\0\0\0\0\0\0\x01\
        \0\x02\0\x20\x01\0\0\x04\0\x08\0\x04\0\x60\xff\xff\x80\x01\0\x02\0\0\x72\x79\x80\x07\0\x01\0\0\x09\x09\
        \x01\0\0\x12\x0a\0\0\x01\x02ok\0\x09\x07\0\0\0\0\
        \0\x02\0\x08\x01\0\0\0";
    smoke(targets::netflow, &[&netflow5, netflow9, ipfix]);

    // An IPv4 agent, and a flow sample with addresses and with the first bytes of a packet.
    let words = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<u8>>();
    let addresses = words(&[3, 32, 60, 6, 0x0a00_0001, 0x0a00_0002, 40_000, 443, 2, 0]);
    let packet =
        words(&[0x4500_0028, 0, 0x4006_0000, 0x0a00_0001, 0x0a00_0002, 0x9c40_01bb, 1, 2, 0x5010_0400, 0]);
    let raw = [words(&[1, 56, 11, 40, 0, 40]), packet].concat();
    let sample = [words(&[1, 32, 1, 7, 512, 0, 0, 1, 2, 2]), addresses, raw].concat();
    let mut datagram = [words(&[1, 0xc000_0201, 0, 1, 1_000, 1]), sample].concat();
    let sample_bytes = (datagram.len() - 32) as u32;
    datagram[28..32].copy_from_slice(&sample_bytes.to_be_bytes());
    smoke(targets::sflow, &[&datagram]);
}

#[test]
fn imported_trees() {
    let lightgbm = b"tree
version=v4
num_class=1
num_tree_per_iteration=1
max_feature_idx=1
objective=binary sigmoid:1
feature_names=a b

Tree=0
num_leaves=3
num_cat=1
split_feature=0 1
threshold=1.5 0
decision_type=10 9
left_child=1 -1
right_child=-3 -2
leaf_value=0.5 -0.25 1e-3
leaf_count=3 4 5
internal_count=12 7
cat_boundaries=0 1
cat_threshold=5
is_linear=0

end of trees
";
    smoke(targets::lightgbm, &[lightgbm]);
    let xgboost = br#"{"learner": {"feature_names": ["a", "b"], "gradient_booster": {"name": "gbtree", "model":
{"tree_info": [0], "trees": [{"left_children": [1, 3, -1, -1, -1], "right_children": [2, 4, -1, -1, -1],
"split_indices": [0, 1, 0, 0, 0], "split_conditions": [0.5, 1E-45, 0.25, -1, 2], "default_left": [1, 0, 0, 0, 0],
"sum_hessian": [5, 3, 2, 1, 2], "split_type": [0, 1, 0, 0, 0], "categories": [0, 5], "categories_nodes": [1],
"categories_segments": [0], "categories_sizes": [2], "tree_param": {"size_leaf_vector": "1"}}]}},
"learner_model_param": {"base_score": "[5E-1]", "num_class": "0", "num_feature": "2", "num_target": "1"},
"objective": {"name": "binary:logistic"}}}"#;
    smoke(targets::xgboost, &[xgboost]);
    smoke(targets::xgboost_ubj, &[include_bytes!("oracle/xgboost_classifier.ubj"), xgboost]);
    let sklearn = br#"{"model": "RandomForestClassifier", "n_features": 2, "feature_names": null,
"classes": ["0", "1"], "accepts_missing": true, "init": null, "scale": 1.0, "trees": [{"left": [1, -1, -1],
"right": [2, -1, -1], "feature": [1, -2, -2], "threshold": [0.5, -2.0, -2.0],
"missing_left": [true, false, false], "value": [[0.5, 0.5], [1.0, 0.0], [0.0, 1.0]], "samples": [9, 4, 5]}]}"#;
    smoke(targets::sklearn, &[sklearn]);
}
